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


def _document(accounts: int) -> dict[str, Any]:
    desk = _security("Security Desk", "security-desk@example.com")
    return {
        "name": f"contact sync keeps {accounts} account{'s' if accounts != 1 else ''} in sync",
        "organization": {"accounts": accounts, "seed": 7},
        "latency_ms": 50,
        "steps": [
            {
                "note": "deploy; every account is brought in sync for the first time",
                "deploy": {},
                "expect_runs": 1,
            },
            {
                "note": "the security contact changes at the source",
                "edit_source": {"security": desk},
                "expect_runs": 1,
                "expect_writes": {"at_least": 1},
            },
            {
                "note": f"{BURST} edits in one burst, answered by at most {MOST_RUNS} runs",
                "at_once": _burst(),
                "expect_runs": {"at_least": 1, "at_most": MOST_RUNS},
            },
            {
                "note": "a member's contact is changed from the management account: no run starts",
                "edit_member": _drift(),
                "expect_runs": 0,
                "expect_writes": 0,
            },
            {"note": "the daily pass finds and repairs it", "schedule": {}, "expect_runs": 1, "expect_writes": 1},
            {
                "note": "a new account is created",
                "create_account": {"name": "newcomer"},
                "expect_runs": {"at_least": 1},
                "expect_writes": {"at_least": 1},
            },
            {
                "note": "the source gets a contact that AWS would refuse: nothing is written",
                "edit_source": {"security": {**desk, "EmailAddress": "not an address"}},
                "expect_writes": 0,
            },
            {
                "note": "the source is put right",
                "edit_source": {"security": desk},
                "expect_runs": 1,
                "expect_writes": {"at_least": 1},
            },
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
