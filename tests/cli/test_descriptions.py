"""Descriptions of a scenario for the progress output."""

from orgsync.sandbox.contact_sync.configuration import describe_pace
from orgsync.sandbox.rehearsal.descriptions import describe_calls, describe_conditions, describe_step
from orgsync.sandbox.rehearsal.load import validate

CALLS = {
    "GetAlternateContact": {"made": 1204, "throttled": 3, "failed": 0},
    "PutAlternateContact": {"made": 80, "throttled": 0, "failed": 1},
}


def test_traffic_is_reads_and_writes() -> None:
    """Throttled calls are named where there are some."""
    assert describe_calls(CALLS) == "1,204 reads, 80 writes, 3 throttled"
    assert describe_calls({}) == "0 reads, 0 writes"


def test_terms_and_titles_are_words_without_values() -> None:
    """A contact's value is never shown, neither of the source nor of an edit."""
    step = {"edit_source": {"security": {"Name": "Canary"}, "billing": None, "via": "console"}}
    faults = [
        {"operation": "*", "error": "InternalServerException", "rate": 0.05},
        {"function": "process", "crash": "after", "times": 1},
    ]
    scenario = validate(
        {"name": "x", "organization": {"accounts": 1}, "source": {"billing": {"Name": "Canary"}}, "faults": faults}
        | {"quotas": "aws", "latency_ms": 5, "steps": [step]}
    )
    assert describe_conditions(scenario, describe_pace(scenario)) == [
        "organization: 1 member account",
        "quotas: as AWS has them; the stack keeps its own pace",
        "latency: 5 ms a call",
        "fault: every call answers InternalServerException, 5% of the time",
        "fault: process dies after its work, 1 time",
    ]
    assert describe_step(scenario.steps[0]) == "edit_source: billing deleted, security via console"
