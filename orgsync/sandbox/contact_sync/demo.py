"""The scenario of `orgsync sandbox demo`: one like any other, with a note for each step."""

from typing import Any

from orgsync.sandbox.rehearsal.load import validate
from orgsync.sandbox.rehearsal.model import Scenario

BURST = 10
"""The edits in one burst."""

MOST_RUNS = 2
"""The most runs that a burst takes: one for its first edit, one more for all that come while that lasts."""


def demo(accounts: int) -> Scenario:
    """Make the scenario for this many member accounts; the first of them is the one that drifts."""
    return validate(_document(accounts))


def broken_promises(report: dict[str, Any]) -> list[str]:
    """List what the scenario promises beside the end of every account and its report shows to be untrue."""
    runs = sum(len(step["runs"]) for step in report["steps"] if step["step"] == "at_once")
    return [f"{BURST} edits in one burst set off {runs} runs, not at most {MOST_RUNS}"] if runs > MOST_RUNS else []


def _document(accounts: int) -> dict[str, Any]:
    desk = _security("Security Desk", "security-desk@example.com")
    return {
        "name": f"contact sync keeps {accounts} account{'s' if accounts != 1 else ''} in sync",
        "organization": {"accounts": accounts, "seed": 7},
        "latency_ms": 50,
        "config": {"verify_config": {"delay": 1.5}},  # a run that is over at once would merge no burst
        "steps": [
            {"note": "deploy; every account is brought in sync for the first time", "deploy": {}},
            {"note": "the security contact changes at the source", "edit_source": {"security": desk}},
            {"note": f"{BURST} edits in one burst, answered by at most {MOST_RUNS} runs", "at_once": _burst()},
            {
                "note": "a member's contact is changed from the management account: no run starts",
                "edit_member": _drift(),
            },
            {"note": "the daily pass finds and repairs it", "schedule": {}},
            {"note": "a new account is created", "create_account": {"name": "newcomer", "ou": "/Workloads"}},
            {
                "note": "the source gets a security contact that AWS would refuse: everything stays as it was",
                "edit_source": {"security": {**desk, "EmailAddress": "not an address"}},
            },
            {"note": "the source is put right", "edit_source": {"security": desk}},
        ],
    }


def _burst() -> list[dict[str, Any]]:
    edits = [_security(f"Security Desk {number}", "security-desk@example.com") for number in range(1, BURST + 1)]
    return [{"edit_source": {"security": edit}} for edit in edits]


def _drift() -> dict[str, Any]:
    billing = {"Name": "Someone Else", "Title": "Clerk", "EmailAddress": "else@example.com", "PhoneNumber": "555-0100"}
    return {"account": "200000000001", "billing": billing, "via": "management"}


def _security(name: str, email: str) -> dict[str, str]:
    return {"Name": name, "Title": "Security", "EmailAddress": email, "PhoneNumber": "+1 555 0199"}
