"""Tools of `make test` that guard names and prose: each is seen to find what it looks for."""

from pathlib import Path

import pytest

from tools import prose, reading_path


def test_a_docstring_that_opens_with_a_question_word_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module, a function and a constant are looked at, each by the string below it."""
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    file = tmp_path / "some.py"
    file.write_text('"""What it is."""\nX = 1\n"""Whether it is."""\ndef f():\n    """How it does."""\n')
    assert len(prose.findings(["some.py"])) == 3
    file.write_text('"""Module of something."""\n')
    assert prose.findings(["some.py"]) == []


def test_a_retired_word_is_found_in_code_and_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that nobody in the field says is found in any case; the name of a service of AWS is none."""
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    retired = "be" + "ll"
    (tmp_path / "doc.md").write_text(f"A {retired.capitalize()}.\nStarted in Step Functions.\n")
    assert len(prose.findings(["doc.md"])) == 1


def test_the_path_of_one_event_does_not_grow() -> None:
    """A reader meets no more names from the rule to the receipt than before, and the path holds both ends."""
    modules = reading_path.path()
    assert {*reading_path.STARTS, *reading_path.ENDS} <= set(modules)
    assert len(reading_path.names(modules)) <= reading_path.LIMIT


def test_a_private_name_that_others_import_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An underscore lowers the count only where nobody imports the name."""
    monkeypatch.setattr(reading_path, "ROOT", tmp_path)
    (tmp_path / "one.py").write_text("_A = 1\n_B = 2\nC = 3\n")
    (tmp_path / "other.py").write_text("from orgsync.one import _A\n")
    assert reading_path.names(["one", "other"]) == {"_A", "C"}
