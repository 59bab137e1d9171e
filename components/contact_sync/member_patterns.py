"""Patterns of members' own changes, in the member and where they arrive: pure documents."""

from collections.abc import Mapping
from typing import Any

from orgsync.components.contact_sync.event_patterns import EventRule
from orgsync.components.shared.stack_context import StackContext


def member_calls(context: StackContext) -> Mapping[str, Any]:
    """Return the pattern of a member's own change of contacts, by API or console: it is forwarded from there.

    A delegated administrator's call about another member carries that member's id, so none is asked
    to be absent. A call that the management account made is recorded there; should a member record
    it as well, our own writes would start a run once for every account: it is left out.
    """
    return _rule(context, {}).pattern


def member_rule(context: StackContext) -> EventRule:
    """Return the rule of such events where they arrive.

    EventBridge keeps the account from which an event was forwarded.
    """
    return _rule(context, {"account": [{"anything-but": [context.account]}]})


def _rule(context: StackContext, envelope: Mapping[str, Any]) -> EventRule:
    # Of the console's edits neither `source` nor `detail-type` is sure; only AWS itself can use its prefix.
    by_aws = {"source": [{"prefix": "aws."}]}
    callers = {"userIdentity": {"accountId": [{"anything-but": [context.account]}, {"exists": False}]}}
    services = ["account.amazonaws.com", "billingconsole.amazonaws.com"]
    return EventRule.of_contact_calls(services, {**by_aws, **envelope}, callers)
