"""Tables of the documents: they name what the code has, no less and no more."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from orgsync.components.contact_sync.deployment import Deployment
from orgsync.contact_sync.config import ContactSyncConfig, Pacing
from orgsync.contact_sync.names import FunctionName, Operation
from orgsync.sandbox.rehearsal.model import AccountDocument, OrganizationDocument, Scenario
from orgsync.sandbox.rehearsal.parts import CallFault, CrashFault
from orgsync.sandbox.rehearsal.steps import Action, Step
from orgsync.shared.configuration import StrictModel
from orgsync.shared.errors import ReasonedError
from orgsync.shared.notification_settings import NotificationSettings
from tests.error_codes import every_reason, with_subclasses

ROOT = Path(__file__).resolve().parents[2]
README, RUNBOOK, SCENARIO = ROOT / "README.md", ROOT / "docs" / "runbook.md", ROOT / "docs" / "scenario.md"


def first_columns(document: Path, heading: str | None = None) -> list[set[str]]:
    """Return the names of the first column of each table whose head begins so (or of all), in order."""
    tables: list[set[str]] = []
    taken = False
    for line in document.read_text().splitlines():
        if not line.startswith("|"):
            taken = False
        elif re.fullmatch(r"[|\s:-]+", line):
            continue
        elif not taken and (heading is None or line.startswith(f"| {heading} |")):
            taken = True
            tables.append(set())
        elif taken:
            tables[-1].update(re.findall(r"`([^`]+)`", line.split("|")[1]))
    return tables


def keys(model: type[BaseModel], *whole: str) -> Iterator[str]:
    """Yield the dotted keys of a model, down to what is no mapping of its own; those of `whole` are not entered."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, StrictModel) and name not in whole:
            yield from (f"{name}.{key}" for key in keys(inner, *whole))
        else:
            yield name


def test_the_readme_names_every_key_of_contact_sync() -> None:
    """Whoever reads the table knows every key, and no key that is refused."""
    (named,) = first_columns(README, "Key of `orgsync:contact_sync`")
    wanted = set(keys(ContactSyncConfig, "notification_settings", "pacing")) - {"pacing"}
    # The operations have one row for all of them.
    assert named == wanted | {"pacing.explore", "pacing.<operation>"}
    assert set(Pacing.model_fields) == {"explore", *Operation}


def test_the_readme_names_every_key_of_the_notification_settings() -> None:
    """Those of the nested mapping stand in a table of their own."""
    (named,) = first_columns(README, "Key of `notification_settings`")
    assert named == set(keys(NotificationSettings, "notification_rules"))


def test_the_readme_names_every_key_of_the_deployment() -> None:
    """The other document of a stack file."""
    (named,) = first_columns(README, "Key of `orgsync:deployment`")
    assert named == set(keys(Deployment))


def test_the_runbook_has_every_alarm() -> None:
    """Whoever is woken by an alarm finds its name as a heading, and no heading is of an alarm that is gone."""
    section = RUNBOOK.read_text().split("\n## Alarms\n")[1].split("\n## ")[0]
    headings = {name for line in re.findall(r"^### (.+)$", section, re.MULTILINE) for name in line.split(", ")}
    declared = json.loads((ROOT / "tests" / "components" / "public_names.json").read_text())["alarms"]
    assert headings == {name.removeprefix("orgsync-dev-contact-sync-") for name in declared}


# Of the program's and the command's own errors: they are read where they are raised, and stand in no receipt.
_ELSEWHERE = ("orgsync.cli", "orgsync.components", "orgsync.sandbox", "orgsync.shared.configuration", "tests")


def raised_codes() -> Iterator[str]:
    """Yield the codes that stand somewhere: reasons, and classes under which no other stands, or with a remedy."""
    yield from every_reason()
    for error in with_subclasses():
        raised = not error.__subclasses__() or "remedy" in vars(error)
        if raised and not error.__module__.startswith(_ELSEWHERE) and not issubclass(error, ReasonedError):
            yield error.__name__


def test_the_runbook_has_every_error_code() -> None:
    """A code that stands in a receipt, a header or a refusal is explained, and none that nothing raises."""
    section = RUNBOOK.read_text().split("\n## Error codes\n")[1].split("\n## ")[0]
    explained = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert explained == set(raised_codes()) - {"OrgsyncError", "Temporary"}, "raised as one of the classes under it"


def aliases(model: type[BaseModel]) -> set[str]:
    """Return the keys of a model as a file writes them."""
    return {field.alias or name for name, field in model.model_fields.items()}


@pytest.mark.parametrize(
    "model", [Scenario, OrganizationDocument, AccountDocument, CallFault, CrashFault, Action, Step]
)
def test_every_key_of_a_rehearsal_is_documented(model: type[BaseModel]) -> None:
    """Each key of the file and each action stands in a table of docs/scenario.md."""
    documented = set().union(*first_columns(SCENARIO))
    assert aliases(model) - documented == set()


def test_the_functions_have_one_log_group_each_in_the_runbook() -> None:
    """The runbook's list of log groups names each function."""
    line = next(line for line in RUNBOOK.read_text().splitlines() if "log groups" in line)
    assert all(f"-{function}`" in line for function in FunctionName)
