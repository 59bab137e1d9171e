"""The table of faults: each can be applied to the code, and the tool tells which of them a test finds."""

from dataclasses import replace

import pytest

from tools import mutants


@pytest.mark.parametrize("fault", mutants.FAULTS, ids=lambda fault: str(fault.name))
def test_every_fault_can_be_applied(fault: mutants.Fault) -> None:
    """Code that moved takes its fault along: one that can no longer be applied proves nothing."""
    text = (mutants.ROOT / fault.file).read_text()
    assert fault.applied(text) != text
    assert all((mutants.ROOT / test).exists() for test in fault.tests)


def test_the_names_of_faults_are_unique() -> None:
    """A name on the command line chooses one fault."""
    assert len({fault.name for fault in mutants.FAULTS}) == len(mutants.FAULTS) >= 30


QUICK = (
    "an excluded account that is compared",
    "one retry more",
    "our own writes as events of a source",
    "a forged recipient that is believed",
    "a request that waits and is forgotten",
)
"""Faults whose tests take a second or two; `make mutants` applies all."""


@pytest.mark.slow
def test_faults_are_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A few of the table, each applied to a copy of the tree: the tests beside it fail."""
    chosen = tuple(replace(fault, tests=fault.tests[:1]) for fault in mutants.FAULTS if fault.name in QUICK)
    assert len(chosen) == len(QUICK)
    monkeypatch.setattr(mutants, "FAULTS", chosen)
    assert mutants.main([]) == 0, capsys.readouterr().err


def test_a_fault_that_nothing_finds_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two faults at one place the one that changes nothing survives; the exit code says so."""
    harmful = next(fault for fault in mutants.FAULTS if fault.name == "a wrong limit of the breaker")
    harmless = replace(harmful, name="no fault at all", new=f"{harmful.old}  # of them")
    monkeypatch.setattr(mutants, "FAULTS", (harmful, harmless))
    assert mutants.main([]) == 1
    told = capsys.readouterr()
    assert "SURVIVED  no fault at all" in told.err
    assert f"found     {harmful.name}" in told.err
    assert told.out == "1 of 2 faults are found by a test.\n"
    assert mutants.main(["such a name"]) == 1
