"""Fuzzing of everything that takes documents from outside: the corpus, and a few hundred mutations of it."""

import itertools
from pathlib import Path

import pytest

from tests.fuzz import targets
from tests.fuzz.targets import TARGETS, Broken, failure
from tools.fuzz import CORPUS, corpus, documents, main

COUNT = {"command": 20, "scenario": 60}
"""Mutations of a target whose documents take longer than most; 200 of the others."""


@pytest.mark.parametrize("target", TARGETS)
def test_no_document_breaks_anything(target: str) -> None:
    """Each is accepted, or refused by a name; refused, it leaves all as it was. `make fuzz` goes on from here."""
    drawn = itertools.islice(documents(target), len(corpus(target)) + COUNT.get(target, 200))
    broken = [(what, document) for document in drawn if (what := failure(target, document))]
    assert not broken, broken[0]


def test_every_target_has_a_corpus() -> None:
    """A target without documents would be fuzzed with nothing, and documents without a target never."""
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)
    assert all(corpus(target) for target in TARGETS)


def test_what_breaks_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A document that breaks something is in the corpus from then on, and the command says so by its exit code."""

    def break_on_texts(document: object) -> None:
        if isinstance(document, str):
            raise Broken("a text")

    monkeypatch.setattr(targets, "TARGETS", {**TARGETS, "receipt": break_on_texts})
    monkeypatch.setattr("tools.fuzz.CORPUS", tmp_path)
    (tmp_path / "receipt").mkdir()
    (tmp_path / "receipt" / "text.json").write_text('"a text"\n')
    assert main(["receipt", "--seconds", "0.05", "--seed", "1"]) == 1
    assert list((tmp_path / "receipt").glob("found-*.json"))


def test_a_target_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The message names those that there are."""
    with pytest.raises(SystemExit, match="2"):
        main(["recipt"])
    assert "receipt" in capsys.readouterr().err
