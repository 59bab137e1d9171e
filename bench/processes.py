"""Functions as whole processes: their memory at an organization of any size, their CPU beside a bare boto3 loop.

    python -m bench.processes plan|process|report SIZE        one function, in this process
    python -m bench.processes ours|bare SIZE                  reads of so many accounts' contacts over HTTP on loopback

The adapters are the product's own; below them stand tables, buckets and listings that make up what is asked of them
and keep nothing, so that the memory of the process is the function's.
"""

import asyncio
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3

from bench.peak import peak

ROOT = Path(__file__).resolve().parents[1]
MANAGEMENT, RUN, STARTED = "100000000001", "run", "2030-01-01T00:00:00.000Z"
KINDS = ("primary", "billing", "operations", "security")
BATCH = 1_000
_PAGE = 3_000
"""Receipts of a page: a query's answer has a megabyte at most."""

_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    "MANAGEMENT_ACCOUNT_ID": MANAGEMENT,
    "CONFIG_TABLE_NAME": "config",
    "STATE_TABLE_NAME": "state",
    "ENVIRONMENT": "bench",
    "LOG_LEVEL": "CRITICAL",
    "RUN_BUCKET_NAME": "runs",
    "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:100000000001:stateMachine:bench",
    "TOPIC_ARN": "arn:aws:sns:us-east-1:100000000001:bench",
    "RECEIPT_RETENTION_DAYS": "90",
}


@dataclass(frozen=True)
class Used:
    """CPU seconds and MiB of resident memory that a process used at most."""

    seconds: float
    memory: float


def measured(*arguments: str, memory_limit: int | None = None) -> Used:
    """Run one part of this module as a process of its own; return what it used.

    Args:
        memory_limit: MiB of the function, of which the process is told as Lambda tells it.
    """
    environment = {**os.environ, **_ENVIRONMENT, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_limit or "")}
    command = [sys.executable, "-m", "bench.processes", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
    seconds, memory = done.stdout.split()[-2:]
    return Used(float(seconds), int(memory) / 1024)


def _account(number: int) -> str:
    return f"{200_000_000_001 + number:012d}"


class _Table:
    """A table of one run over so many accounts, which makes up every item and keeps only the header."""

    def __init__(self, size: int, *, worked: bool) -> None:
        self.name = "state"
        self._size, self._worked = size, worked
        self.items: dict[str, dict[str, Any]] = {}
        # Of the control path, and of batches and transactions: they are taken, and gone.
        client = SimpleNamespace(transact_write_items=lambda **_: {}, batch_write_item=lambda **_: {})
        self.meta = SimpleNamespace(client=client)

    def get_item(self, *, Key: Mapping[str, str], **_: Any) -> dict[str, Any]:
        found = self.items.get(Key["item"])
        return {"Item": found} if found else {}

    def put_item(self, *, Item: dict[str, Any], **_: Any) -> dict[str, Any]:
        if Item["item"] in ("run", "organization"):
            self.items[Item["item"]] = Item
        return {}

    def query(self, *, KeyConditionExpression: Any, ExclusiveStartKey: int = 0, **_: Any) -> dict[str, Any]:
        low, high = KeyConditionExpression.get_expression()["values"][1].get_expression()["values"][1:]
        if not self._worked or not low.startswith("receipt#"):
            return {"Items": []}
        first = max(int(low.split("#")[1] or 0) - 200_000_000_001, 0)
        last = min(int(high.split("#")[1]) - 200_000_000_001, self._size - 1)
        pairs = [(number, kind) for number in range(first, last + 1) for kind in KINDS]
        page = pairs[ExclusiveStartKey : ExclusiveStartKey + _PAGE]
        items = [_receipt(_account(number), kind) for number, kind in page]
        more = {"LastEvaluatedKey": ExclusiveStartKey + _PAGE} if ExclusiveStartKey + _PAGE < len(pairs) else {}
        return {"Items": items, **more}


def _receipt(account: str, kind: str) -> dict[str, Any]:
    return {
        "sync_id": RUN,
        "item": f"receipt#{account}#{kind}",
        "account": account,
        "kind": kind,
        "status": "success",
        "at": STARTED,
        "changed": ["EmailAddress", "Name", "PhoneNumber"],
        "error": None,
        "retries": Decimal(0),
        "excluded_by": [],
        "expires_at": Decimal(1_900_000_000),
    }


class _Bucket:
    """A bucket that makes up the batches of a run and forgets what is put into it."""

    def __init__(self, size: int) -> None:
        self._size = size

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:
        name = Key.rpartition("/")[2].removesuffix(".json")
        accounts = range(int(name) * BATCH, min((int(name) + 1) * BATCH, self._size)) if name.isdecimal() else ()
        targets = [{"account": _account(one), "kinds": KINDS, "deletions": []} for one in accounts]
        return {"Body": io.BytesIO(json.dumps(targets).encode())}

    def put_object(self, *, Body: Any, **_: Any) -> None:
        if not isinstance(Body, bytes):
            while Body.read(1 << 20):
                pass


class _Organizations:
    """A listing of so many accounts, twenty a page."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.exceptions = SimpleNamespace(AWSOrganizationsNotInUseException=KeyError, AccountNotFoundException=KeyError)

    def describe_organization(self) -> Any:
        return {"Organization": {"MasterAccountId": MANAGEMENT}}

    def list_accounts(self, NextToken: str = "0", **_: Any) -> Any:
        first = int(NextToken)
        ids = [_account(number) for number in range(first, min(first + 20, self._size))]
        more = {"NextToken": str(first + 20)} if first + 20 < self._size else {}
        ids += [] if more else [MANAGEMENT]
        return {"Accounts": [{"Id": one, "State": "ACTIVE", "Status": "ACTIVE"} for one in ids], **more}


class Contacts:
    """Contacts that are the same everywhere."""

    def get_contact_information(self, **_: Any) -> Any:
        fields = ("FullName", "AddressLine1", "City", "PostalCode", "CountryCode", "PhoneNumber")
        return {"ContactInformation": dict.fromkeys(fields, "x") | {"CountryCode": "US", "PhoneNumber": "+15550100"}}

    def get_alternate_contact(self, AlternateContactType: str, **_: Any) -> Any:
        fields = {"Name": "Ann", "Title": "Lead", "EmailAddress": "ann@example.com", "PhoneNumber": "+15550100"}
        return {"AlternateContact": {"AlternateContactType": AlternateContactType, **fields}}


def _services(size: int, table: _Table, *, served: bool = False) -> Any:
    """Return the services that the function's environment names, over what makes its answers up.

    Args:
        served: whether contacts come over HTTP from the address in the environment.
    """
    from orgsync.contact_sync.adapters.organization import OrganizationsApi
    from orgsync.contact_sync.services import Services
    from orgsync.sandbox.contact_sync.services import MemoryExecutions, MemoryPublisher
    from orgsync.sandbox.contact_sync.stores import MemoryConfigStore
    from orgsync.shared import aws

    made, organizations = aws.client, _Organizations(size)
    clients: Mapping[str, Any] = {"s3": _Bucket(size), "organizations": organizations, "account": Contacts()}
    boto3.client("dynamodb")  # as any function has one
    mock.patch.object(
        aws,
        "client",
        lambda service, *config: made(service, *config) if served and service == "account" else clients[service],
    ).start()
    mock.patch.object(aws, "table", return_value=table).start()
    configs, executions, passed = MemoryConfigStore(), MemoryExecutions(), [0.0]
    rates = {one: {"rate": 1000, "burst": 2000} for one in ("GetContactInformation", "GetAlternateContact")}
    configs.write({"verify_config": {"delay": 0}, "pacing": rates}, at=STARTED, by="bench")
    executions.start(RUN, {})
    # A listing of 50,000 accounts is paced for five minutes, in which nothing is used.
    organization = OrganizationsApi(
        MANAGEMENT, sleep=lambda seconds: passed.append(passed[-1] + seconds), monotonic=lambda: passed[-1]
    )
    return replace(
        Services.of_environment(),
        configs=configs,
        executions=executions,
        publisher=MemoryPublisher(),
        organization=organization,
    )


def _planned(services: Any, size: int) -> None:
    """Write the header of a run whose plan is made, as it is found by its worker and its closer."""
    from orgsync.contact_sync.core.contacts import Contact
    from orgsync.contact_sync.core.run import Run
    from orgsync.contact_sync.names import Cause, Kind

    contacts = asyncio.run(_source(services))
    source = {Kind(kind): Contact.of(Kind(kind), dict(fields)) for kind, fields in contacts.items()}
    batches = (size + BATCH - 1) // BATCH
    run = Run(RUN, Cause.SCHEDULE, STARTED, STARTED, source_account=MANAGEMENT, everyone=True, config_version=1)
    services.states.save_run(replace(run, source=source, planned=True, batches=batches))


async def _source(services: Any) -> Mapping[str, Mapping[str, str]]:
    from orgsync.contact_sync.names import Kind

    return {kind: (await services.contacts.read(None, Kind(kind))).fields for kind in KINDS}


def _function(name: str, size: int, *, served: bool = False) -> None:
    """Do a function's work over so many accounts."""
    from orgsync.contact_sync.names import OwnEvent
    from orgsync.handlers.contact_sync.plan import plan
    from orgsync.handlers.contact_sync.process import process
    from orgsync.handlers.contact_sync.report import report

    services = _services(size, _Table(size, worked=name == "report"), served=served)
    if name == "plan":
        answer = plan(RUN, STARTED, OwnEvent.SCHEDULE.document({}), services)
        assert answer["outcome"] == "process", answer
        return
    _planned(services, size)
    if name == "process":
        assert process(RUN, 0, lambda: 900.0, services)["done"]
    else:
        answer = report({"run_id": RUN}, services)
        assert answer["counts"]["success"] == size * len(KINDS), answer


def _bare(size: int) -> None:
    """Make the calls of a run over accounts that are in sync, one after the other, by boto3 alone."""
    client: Any = boto3.client("account")
    for number in range(size):
        client.get_contact_information(AccountId=_account(number))
        for kind in KINDS[1:]:
            client.get_alternate_contact(AccountId=_account(number), AlternateContactType=kind.upper())


def main(part: str, size: int) -> None:
    """Do one part; print the CPU seconds of its work and the KiB of resident memory at most."""
    began = time.process_time()
    if part == "bare":
        _bare(size)
    else:
        _function("process" if part == "ours" else part, size, served=part == "ours")
    print(time.process_time() - began, peak())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
