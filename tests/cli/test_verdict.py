"""The report's verdict: every step, every expectation, and the end."""

from types import SimpleNamespace
from typing import Any

import pytest

from orgsync.sandbox.rehearsal import report as module
from orgsync.sandbox.rehearsal.load import validate
from orgsync.sandbox.rehearsal.report import report
from orgsync.sandbox.rehearsal.system import Assessment

KEPT = {"promise": "at most 2 runs", "found": 2, "kept": True}
BROKEN = {"promise": "at most 2 runs", "found": 3, "kept": False}


def made(
    monkeypatch: pytest.MonkeyPatch, *steps: dict[str, Any], converged: bool = True, expect: str = "converged"
) -> dict[str, Any]:
    """The report of these steps."""
    snapshot: Any = SimpleNamespace(contacts={}, management="100000000001")
    monkeypatch.setattr(module, "take_snapshot", lambda *_: snapshot)
    cloud = SimpleNamespace(
        account=SimpleNamespace(calls={}, writes=[]), notifications=[], undelivered=[], leftovers=lambda: ["a table"]
    )
    document = {"name": "x", "expect": expect, "organization": {"accounts": 1}, "steps": [{"schedule": {}}]}
    session: Any = SimpleNamespace(
        cloud=cloud,
        scenario=validate(document),
        config={},
        engine=SimpleNamespace(name="inline"),
        system=SimpleNamespace(assess=lambda *_: Assessment(converged, {"accounts": {}})),
    )
    observations: Any = SimpleNamespace(runs_by_start=list, refused={}, dead_letters={})
    return report(session, observations, snapshot, list(steps))


def step(ok: bool = True, *promises: dict[str, Any], name: str = "deploy") -> dict[str, Any]:
    """A step's part of the report."""
    return {"step": name, "ok": ok, "promises": list(promises)}


@pytest.mark.parametrize(
    ("steps", "end", "as_expected"),
    [
        ([step(), step()], {}, True),
        ([step(), step(ok=False)], {}, False),
        ([step()], {"converged": False}, False),
        ([step()], {"converged": False, "expect": "diverged"}, True),
        ([step()], {"converged": False, "expect": "any"}, True),
        ([step(ok=False)], {"expect": "any"}, False),
    ],
)
def test_one_verdict_counts_everything(
    monkeypatch: pytest.MonkeyPatch, steps: list[dict[str, Any]], end: dict[str, Any], as_expected: bool
) -> None:
    """Each step did what it says, and the end is as the file expects."""
    assert made(monkeypatch, *steps, **end)["as_expected"] is as_expected


def test_promises_are_listed_with_their_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kept ones too: a reader sees what was held to."""
    document = made(monkeypatch, step(), step(True, KEPT), step(False, KEPT, BROKEN))
    assert document["promises"] == [{"step": 1, **KEPT}, {"step": 2, **KEPT}, {"step": 2, **BROKEN}]
    assert not document["as_expected"]
