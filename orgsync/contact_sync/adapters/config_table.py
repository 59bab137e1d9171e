"""The configuration table as `ConfigStore`."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from orgsync.contact_sync.config import ContactSyncConfig, parse
from orgsync.contact_sync.core.errors import ConfigurationUnreadable, Refusal, RefusalReason
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
        self._name = table_name

    @cached_property
    def _table(self) -> Any:
        return aws.table(self._name)

    def current(self) -> tuple[int, ContactSyncConfig]:
        """See `ConfigStore.current`."""
        item = self._newest()
        if item is None:
            raise Refusal(RefusalReason.CONFIGURATION_MISSING, "no version has been written")
        return _version(item), _read(item)

    @aws.store_errors()
    def at(self, version: int) -> ContactSyncConfig:
        """See `ConfigStore.at`."""
        item = self._table.get_item(Key={"config_key": CONFIG_KEY, "version": version}, ConsistentRead=True).get("Item")
        if item is None:
            raise ConfigurationUnreadable(f"version {version} is gone")
        return _read(item)

    def before(self, author: str) -> ContactSyncConfig | None:
        """See `ConfigStore.before`."""
        item = next((item for item in self._newest_first() if item.get("written_by") != author), None)
        return None if item is None else _read(item)

    def authors(self) -> Iterator[str]:
        """See `ConfigStore.authors`."""
        return (author for item in self._newest_first() if isinstance(author := item.get("written_by"), str))

    @aws.store_errors()
    def write(self, document: Mapping[str, Any], *, at: str, by: str) -> int:
        """See `ConfigStore.write`."""
        parse(document)
        plain = json.loads(json.dumps(document), parse_float=Decimal)
        while True:
            newest = self._newest()
            if newest is not None and _document(newest) == plain:
                return _version(newest)
            version = _version(newest) + 1 if newest else 1
            note = {"written_at": at, "written_by": by}
            item = {"config_key": CONFIG_KEY, "version": version, **note, **plain}
            try:
                self._table.put_item(Item=item, ConditionExpression="attribute_not_exists(config_key)")
                return version
            except ClientError as error:
                # Another writer took this number: look again at what is newest.
                if aws.error_code(error) != "ConditionalCheckFailedException":
                    raise

    def _newest(self) -> dict[str, Any] | None:
        return next(self._newest_first(), None)

    def _newest_first(self) -> Iterator[dict[str, Any]]:
        """Yield the items, newest first, each by a query of its own: they are large, and few are looked at."""
        wanted = Key("config_key").eq(CONFIG_KEY)
        page: dict[str, Any] = {}
        while True:
            with aws.store_errors():
                answer = self._table.query(
                    KeyConditionExpression=wanted, ScanIndexForward=False, Limit=1, ConsistentRead=True, **page
                )
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


_LARGEST_VERSION = 2**53
"""Nobody deploys so often: a larger number was written by hand, and none could follow it."""


def _version(item: Mapping[str, Any]) -> int:
    """Return an item's number; whoever edits the table may write any that DynamoDB takes."""
    version = item["version"]
    if version != version.to_integral_value() or not 1 <= version <= _LARGEST_VERSION:
        raise ConfigurationUnreadable("a version's number is none that a deployment gives")
    return int(version)


def _document(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in _BOOKKEEPING}


def _read(item: Mapping[str, Any]) -> ContactSyncConfig:
    try:
        return parse(_numbers(_document(item)))
    except RecursionError:
        reason = "is nested too deeply"
    except ConfigurationRefused as error:
        reason = str(error)
    # Raised outside the handlers: their chain would repeat what somebody typed.
    raise ConfigurationUnreadable(reason)


def _numbers(value: Any) -> Any:
    """Return a document with numbers for DynamoDB's decimals; sets and bytes, which only a hand writes, stay."""
    if isinstance(value, Mapping):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
