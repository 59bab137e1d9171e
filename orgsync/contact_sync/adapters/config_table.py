"""The configuration table as `ConfigStore`."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from orgsync.contact_sync.config import ContactSyncConfig, parse
from orgsync.contact_sync.core.errors import ConfigurationMissing, ConfigurationUnreadable
from orgsync.contact_sync.names import CONFIG_KEY
from orgsync.shared import aws
from orgsync.shared.configuration import ConfigurationRefused

# Attributes of an item beside the configuration itself.
_BOOKKEEPING = frozenset({"config_key", "version", "written_at", "written_by"})


class ConfigTable:
    """Versions under one key; items are never changed, only added.

    Raises:
        StoreFailed: the table did not answer, or refused; from every method.
    """

    def __init__(self, table_name: str) -> None:
        self._table: Any = aws.session().resource("dynamodb", config=aws.PATIENT).Table(table_name)

    def current(self) -> tuple[int, ContactSyncConfig]:
        """See `ConfigStore.current`."""
        item = self._newest()
        if item is None:
            raise ConfigurationMissing("no version has been written")
        return int(item["version"]), _read(item)

    @aws.store_errors()
    def at(self, version: int) -> ContactSyncConfig:
        """See `ConfigStore.at`."""
        item = self._table.get_item(Key={"config_key": CONFIG_KEY, "version": version}, ConsistentRead=True).get("Item")
        if item is None:
            raise ConfigurationUnreadable(f"version {version} is gone")
        return _read(item)

    def author(self) -> str | None:
        """See `ConfigStore.author`."""
        newest = self._newest()
        return None if newest is None else str(newest["written_by"])

    @aws.store_errors()
    def write(self, document: Mapping[str, Any], *, at: str, by: str) -> int:
        """See `ConfigStore.write`."""
        parse(document)
        plain = json.loads(json.dumps(document), parse_float=Decimal)
        while True:
            newest = self._newest()
            if newest is not None and _document(newest) == plain:
                return int(newest["version"])
            version = int(newest["version"]) + 1 if newest else 1
            note = {"written_at": at, "written_by": by}
            item = {"config_key": CONFIG_KEY, "version": version, **note, **plain}
            try:
                self._table.put_item(Item=item, ConditionExpression="attribute_not_exists(config_key)")
                return version
            except ClientError as error:
                # Another writer took this number: look again at what is newest.
                if aws.error_code(error) != "ConditionalCheckFailedException":
                    raise

    @aws.store_errors()
    def _newest(self) -> dict[str, Any] | None:
        answer = self._table.query(
            KeyConditionExpression=Key("config_key").eq(CONFIG_KEY),
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        return next(iter(answer["Items"]), None)


def _document(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in _BOOKKEEPING}


def _read(item: Mapping[str, Any]) -> ContactSyncConfig:
    try:
        return parse(_plain(item))
    except ConfigurationRefused as error:
        raise ConfigurationUnreadable(str(error)) from error


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a version's document as JSON has it: DynamoDB's decimals as numbers."""
    document: dict[str, Any] = json.loads(json.dumps(_document(item), default=_number))
    return document


def _number(value: object) -> float | int:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} does not belong into a configuration")
