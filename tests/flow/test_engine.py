"""Scenarios deployed by the real Pulumi engine end as those of the in-process engine."""

from collections.abc import Callable
from typing import Any

import pytest

from orgsync.sandbox.contact_sync.rehearse import rehearse
from orgsync.sandbox.engines.opener import find_cli
from orgsync.sandbox.rehearsal.model import Scenario

pytestmark = [
    pytest.mark.engine,
    pytest.mark.slow,
    pytest.mark.skipif(find_cli() is None, reason="no Pulumi CLI on PATH or at .engine/pulumi"),
]


def outcome(report: dict[str, Any]) -> dict[str, Any]:
    """Return what must not depend on the engine: the end of every account, the calls, the writes, the runs."""
    runs = [(run["cause"], run["status"], run["scenario"], run["counts"]) for run in report["runs"]]
    same = ("ok", "converged", "contacts", "calls", "refused", "leftovers")
    writes = sorted(str(write) for write in report["writes"])
    return {**{key: report[key] for key in same}, "runs": runs, "writes": writes}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.xdist_group(name))
        for name in ("life_of_a_stack", "refused_first_source", "two_stacks")
    ],
)
def test_both_engines_come_to_the_same(
    name: str, scenario: Callable[[str], Scenario], rehearsed: Callable[[str], dict[str, Any]]
) -> None:
    """The in-process engine is believed because it does, and ends, as the real one does."""
    real, inline = rehearse(scenario(name), engine="pulumi"), rehearsed(name)
    assert real["engine"].startswith("pulumi ")
    assert outcome(real) == outcome(inline)
    for one, other in zip(real["steps"], inline["steps"], strict=True):
        assert one["resources"] == other["resources"]
        # What refuses says so in the same words, whatever stands around them.
        assert bool(one["error"]) == bool(other["error"])
        if one["error"]:
            assert "SourceUnwritable: billing.EmailAddress must be" in one["error"]
