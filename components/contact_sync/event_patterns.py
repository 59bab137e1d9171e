"""Event patterns that start a run, and the fields of an event that are passed on: pure documents."""

import json
from dataclasses import dataclass
from typing import Any

from orgsync.components.contact_sync.resource_names import MEMBER_CHANGED, state_machine_arn
from orgsync.components.shared.stack_context import StackContext
from orgsync.contact_sync.names import ACCOUNT_PARAMETER, CONTACT_CALLS, KIND_PARAMETER, OwnEvent, spellings
from orgsync.shared.configuration import canonical_json
from orgsync.shared.names import EVENT_SOURCE

Pattern = dict[str, Any]

_BY_API = "AWS API Call via CloudTrail"
_BY_SERVICE = "AWS Service Event via CloudTrail"
_ABSENT = [{"exists": False}]


def patterns() -> dict[str, Pattern]:
    """Return the event patterns that start a run, by rule.

    A call about a member carries the member's id, and that includes our own writes: the rule wants
    none, in either casing, because AWS's samples and a live report contradict each other about it.
    `exists` works on leaf keys only. A refused call changed nothing.
    """
    return {
        "source-changed": {
            "source": ["aws.account"],
            "detail-type": [_BY_API],
            "detail": {
                **_calls("account.amazonaws.com"),
                "requestParameters": dict.fromkeys(spellings(ACCOUNT_PARAMETER), _ABSENT),
            },
        },
        # The console's `source` and `detail-type` are known from one old sample only: left out.
        "console-edited": {"detail": _calls("billingconsole.amazonaws.com")},
        "account-created": {
            "source": ["aws.organizations"],
            "detail-type": [_BY_SERVICE],
            "detail": {"eventName": ["CreateAccountResult"]},
        },
        # Since 2026-05-28; nobody has published one, so nothing but its name is asked for.
        "account-joined": {
            "source": ["aws.organizations"],
            "detail": {"eventName": ["AccountJoinedOrganization"]},
        },
    }


def _calls(event_source: str) -> Pattern:
    """Return the `detail` of a service's calls that change a contact, unless AWS refused them."""
    names = [name for name, call in CONTACT_CALLS.items() if call.event_source == event_source]
    return {"eventSource": [event_source], "eventName": [str(name) for name in names], "errorCode": _ABSENT}


def member_calls(context: StackContext) -> Pattern:
    """Return the pattern of a member's own change of contacts, in the member: it is forwarded from there.

    A delegated administrator's call about another member carries that member's id, so none is asked
    to be absent. A call that the management account made is recorded there; should a member record
    it as well, our own writes would start a run once for every account: it is left out.
    """
    pattern = patterns()["source-changed"]
    calls = {key: value for key, value in pattern["detail"].items() if key != "requestParameters"}
    callers = {"userIdentity": {"accountId": [{"anything-but": [context.account]}, *_ABSENT]}}
    return pattern | {"detail": calls | callers}


def member_changed(context: StackContext) -> Pattern:
    """Return the same pattern where the event arrives; EventBridge keeps the account from which an event was
    forwarded.
    """
    return member_calls(context) | {"account": [{"anything-but": [context.account]}]}


def run_died(context: StackContext) -> Pattern:
    """Return the pattern of a run that ended without reporting; children of the Distributed Map carry a machine ARN
    of their own.
    """
    return {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [state_machine_arn(context)], "status": ["ABORTED", "FAILED", "TIMED_OUT"]},
    }


@dataclass(frozen=True)
class InputTransformer:
    """Fields of an event that a target gets: paths into it by name, and the JSON they are put into."""

    paths: dict[str, str]
    template: str


def input_transformers() -> dict[str, InputTransformer]:
    """Return how a rule's event is shaped before it becomes a state machine's input, by rule.

    An input is kept for 90 days and can be read in the console: contact values must not get there.
    What is passed on is picked, never what is left out; it looks like an EventBridge event again.
    `account-joined` has no shape to pick from and no contact in it: it passes whole.
    """
    contact = {
        "userIdentity": {"arn": "$.detail.userIdentity.arn"},
        "requestParameters": {
            key: f"$.detail.requestParameters.{key}"
            for key in (*spellings(ACCOUNT_PARAMETER), *spellings(KIND_PARAMETER))
        },
    }
    status = "serviceEventDetails.createAccountStatus"
    created = {
        "serviceEventDetails": {
            "createAccountStatus": {key: f"$.detail.{status}.{key}" for key in ("state", "accountId", "failureReason")}
        }
    }
    return {
        "source-changed": _transformer(contact),
        MEMBER_CHANGED: _transformer(contact),
        "console-edited": _transformer(contact),
        "account-created": _transformer(created),
    }


def _transformer(detail: dict[str, Any]) -> InputTransformer:
    """Make a transformer of envelope and `detail`, each leaf a path, with named placeholders.

    Every placeholder stands in quotes: a path that an event has not leaves an empty string there,
    and the JSON stays whole.
    """
    envelope = {key: f"$.{key}" for key in ("id", "source", "detail-type", "account", "time", "region")}
    common = {key: f"$.detail.{key}" for key in ("eventID", "eventName", "eventSource", "recipientAccountId")}
    paths: dict[str, str] = {}

    def named(shape: Any, name: str) -> Any:
        if isinstance(shape, dict):
            return {key: named(inner, f"{name}_{key}".replace("-", "_").strip("_")) for key, inner in shape.items()}
        paths[name] = shape
        return f"<{name}>"

    return InputTransformer(paths=paths, template=json.dumps(named({**envelope, "detail": {**common, **detail}}, "")))


SCHEDULE_EVENT = canonical_json({"source": EVENT_SOURCE, "detail-type": OwnEvent.SCHEDULE, "detail": {}})
