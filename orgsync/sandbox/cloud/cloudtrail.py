"""CloudTrail's record of a call, as EventBridge carries it. Pure.

AWS's samples of 2021 have camelCase keys with values; a live report of 2026 has PascalCase keys
and masked values [field]. Both are made here, because it is not known which of them AWS sends.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from orgsync.sandbox.errors import InvalidFault
from orgsync.sandbox.model.account import CallerIdentity, Write

API_CALL = "AWS API Call via CloudTrail"
CONSOLE_ACTION = "AWS Console Action via CloudTrail"
SERVICE_EVENT = "AWS Service Event via CloudTrail"
MASK = "***"
CASINGS = ("camel", "pascal")
_NEVER_MASKED = ("AccountId", "AlternateContactType")


def account_call(write: Write, casing: str, time: str) -> dict[str, Any]:
    """Make the `detail` of a write through the Account API, for the caller's account."""
    if casing not in CASINGS:
        raise InvalidFault(f"casing must be one of {', '.join(CASINGS)}, not {casing!r}")
    parameters = _camel(write.parameters) if casing == "camel" else _masked(write.parameters)
    return api_call("account.amazonaws.com", write.operation, parameters, write.caller, time)


def console_action(kind: str, caller: CallerIdentity, time: str) -> dict[str, Any]:
    """Make the `detail` of an edit on the console's account page (names: AWS's sample of 2018; no parameters there)."""
    name = "SetContactAddress" if kind == "primary" else "SetAdditionalContacts"
    detail = api_call("billingconsole.amazonaws.com", name, None, caller, time)
    return detail | {"eventType": "AwsConsoleAction"}


def api_call(source: str, name: str, parameters: Any, caller: CallerIdentity, time: str) -> dict[str, Any]:
    """Make the `detail` of a successful call of any service's API."""
    return {
        "eventVersion": "1.08",
        "userIdentity": _identity(caller),
        "eventTime": time,
        "eventSource": source,
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "198.51.100.10",
        "userAgent": "sandbox",
        "requestParameters": parameters,
        "responseElements": None,
        "requestID": str(uuid4()),
        "eventID": str(uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": caller.account,
        "eventCategory": "Management",
    }


def service_event(source: str, name: str, details: Mapping[str, Any], account: str, time: str) -> dict[str, Any]:
    """Make the `detail` of an action that a service took itself."""
    return {
        "eventVersion": "1.08",
        "userIdentity": {"accountId": account, "invokedBy": source},
        "eventTime": time,
        "eventSource": source,
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": source,
        "userAgent": source,
        "requestParameters": None,
        "responseElements": None,
        "eventID": str(uuid4()),
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": account,
        "serviceEventDetails": dict(details),
        "eventCategory": "Management",
    }


def _identity(caller: CallerIdentity) -> dict[str, Any]:
    identity = {"type": "IAMUser", "principalId": "AIDASANDBOX", "arn": caller.arn, "accountId": caller.account}
    if ":assumed-role/" not in caller.arn:
        return identity
    role, session = caller.arn.split("/")[-2:]
    issuer = {
        "type": "Role",
        "principalId": "AROASANDBOX",
        "arn": f"arn:aws:iam::{caller.account}:role/{role}",
        "accountId": caller.account,
        "userName": role,
    }
    return identity | {
        "type": "AssumedRole",
        "principalId": f"AROASANDBOX:{session}",
        "sessionContext": {"sessionIssuer": issuer},
    }


def _camel(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key[0].lower() + key[1:]: _camel(value) if isinstance(value, Mapping) else value
        for key, value in parameters.items()
    }


def _masked(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _masked(value) if isinstance(value, Mapping) else value if key in _NEVER_MASKED else MASK
        for key, value in parameters.items()
    }
