"""Event patterns that start a run, and the fields of an event that are passed on: pure documents."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi_aws as aws

from orgsync.contact_sync.names import ContactCall, OrganizationCall

_ABSENT = [{"exists": False}]


@dataclass(frozen=True)
class EventRule:
    """A rule that starts a run: the pattern of its events, and the fields that are passed on.

    A state machine's input is kept for 90 days and can be read in the console, so no contact value may get
    there: fields are picked, and what is passed on looks like an EventBridge event again.

    Attributes:
        paths: paths into the event by name; empty where the event passes whole.
        template: the JSON into which they are put.
    """

    pattern: Mapping[str, Any]
    paths: Mapping[str, str] = field(default_factory=dict)
    template: str = ""

    @property
    def input_transformer(self) -> aws.cloudwatch.EventTargetInputTransformerArgsDict | None:
        """Return the target's input transformer; None where the event passes whole."""
        return {"input_paths": dict(self.paths), "input_template": self.template} if self.paths else None

    @classmethod
    def of_contact_calls(
        cls, event_sources: Sequence[str], envelope: Mapping[str, Any], detail: Mapping[str, Any] | None = None
    ) -> "EventRule":
        """Make a rule for the calls of some services that change a contact; a refused call changed nothing.

        Args:
            envelope, detail: what else the pattern asks for, of the event and of its `detail`.
        """
        names = [str(name) for name, call in ContactCall.by_name().items() if call.event_source in event_sources]
        calls = {"eventSource": [*event_sources], "eventName": names, "errorCode": _ABSENT}
        return cls.picking({**envelope, "detail": {**calls, **(detail or {})}}, _CONTACT_FIELDS)

    @classmethod
    def picking(cls, pattern: Mapping[str, Any], detail: Mapping[str, Any]) -> "EventRule":
        """Make a rule that passes on the envelope, what names the call, and the leaves of `detail`.

        Every placeholder stands in quotes: a path that an event lacks leaves an empty string there,
        and the JSON stays whole.
        """
        envelope = {key: f"$.{key}" for key in ("id", "source", "detail-type", "account", "time", "region")}
        common = {key: f"$.detail.{key}" for key in ("eventID", "eventName", "eventSource", "recipientAccountId")}
        paths: dict[str, str] = {}

        def named(shape: Any, name: str) -> Any:
            if isinstance(shape, Mapping):
                return {key: named(inner, f"{name}_{key}".replace("-", "_").strip("_")) for key, inner in shape.items()}
            paths[name] = shape
            return f"<{name}>"

        template = json.dumps(named({**envelope, "detail": {**common, **detail}}, ""))
        return cls(pattern, paths, template)


# Fields of a call that changes a contact: who called, whose contact, which one.
_CONTACT_FIELDS = {
    "userIdentity": {"arn": "$.detail.userIdentity.arn"},
    "requestParameters": {
        parameter: f"$.detail.requestParameters.{parameter}"
        for parameter in (*ContactCall.ACCOUNT_PARAMETERS, *ContactCall.KIND_PARAMETERS)
    },
}

# Of a call that moves or tags an account: who called, and which account, if it names one.
_SUBJECT_FIELDS = {
    "userIdentity": {"arn": "$.detail.userIdentity.arn"},
    "requestParameters": {
        parameter: f"$.detail.requestParameters.{parameter}" for call in OrganizationCall for parameter in call.subject
    },
}

_STATUS = "serviceEventDetails.createAccountStatus"
_CREATION_FIELDS = {
    "serviceEventDetails": {
        "createAccountStatus": {key: f"$.detail.{_STATUS}.{key}" for key in ("state", "accountId", "failureReason")}
    }
}


def event_rules() -> dict[str, EventRule]:
    """Return the rules of the default bus that start a run, by name.

    A call about a member carries the member's id, and that includes our own writes: the rule wants
    none, in either casing, because AWS's samples and a live report contradict each other about it.
    `exists` works on leaf keys only.
    """
    by_api = {"source": ["aws.account"], "detail-type": ["AWS API Call via CloudTrail"]}
    no_member = {"requestParameters": dict.fromkeys(ContactCall.ACCOUNT_PARAMETERS, _ABSENT)}
    created = {
        "source": ["aws.organizations"],
        "detail-type": ["AWS Service Event via CloudTrail"],
        "detail": {"eventName": ["CreateAccountResult"]},
    }
    # Since 2026-05-28; nobody has published one, so nothing but its name is asked for, in either place where it may
    # stand, and no field is known to pick.
    joined = {
        "source": ["aws.organizations"],
        "$or": [{"detail": {"eventName": [*OrganizationCall.joined()]}}, {"detail-type": [*OrganizationCall.joined()]}],
    }
    # Where an account stands and how it is tagged decide what it should hold.
    changed = {
        "source": ["aws.organizations"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "eventSource": ["organizations.amazonaws.com"],
            "eventName": [str(call) for call in OrganizationCall],
            "errorCode": _ABSENT,
        },
    }
    return {
        "source-changed": EventRule.of_contact_calls(["account.amazonaws.com"], by_api, no_member),
        # The console's `source` and `detail-type` are known from one old sample only: left out.
        "console-edited": EventRule.of_contact_calls(["billingconsole.amazonaws.com"], {}),
        "organization-changed": EventRule.picking(changed, _SUBJECT_FIELDS),
        "account-created": EventRule.picking(created, _CREATION_FIELDS),
        "account-joined": EventRule(joined),
    }
