"""The deployment document: how one stack runs, validated before anything is declared."""

from typing import Any

import pytest

from orgsync.components.contact_sync.deployment import Deployment
from orgsync.shared.configuration import ConfigurationRefused, validate


def refusal(document: dict[str, Any]) -> str:
    """Return what is said against a deployment document."""
    with pytest.raises(ConfigurationRefused) as refused:
        validate(Deployment, document, "deployment")
    return str(refused.value)


@pytest.mark.parametrize("unit", ["/Sandbox", "ou-AB12-34cd56ef", "ou-ab12", "r-ab12", "ou-ab12-34cd56ef\n", ""])
def test_a_member_unit_is_named_by_its_id(unit: str) -> None:
    """The message of anything else says what an id looks like and where to find it, and shows no pattern."""
    assert refusal({"member_units": ["ou-ab12-34cd56ef", unit]}) == (
        "deployment.member_units.1: must be a unit's id such as ou-ab12-34cd56ef; "
        "`aws organizations list-organizational-units-for-parent` shows it"
    )


def test_a_member_unit_is_named_once() -> None:
    """Twice the same is one too many: another was meant."""
    units = ["ou-ab12-34cd56ef", "ou-ab12-00000000", "ou-ab12-34cd56ef"]
    assert refusal({"member_units": units}) == "deployment.member_units: name each unit once"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"log_retention_days": "90"}, "deployment.log_retention_days: must be a whole number"),
        ({"protect": "no"}, "deployment.protect: must be true or false"),
        ({"tracing": 1}, "deployment.tracing: must be true or false"),
        ({"memory": {"initial_sync": 127}}, "deployment.memory.initial_sync: must be at least 128"),
        (
            {"initial_sync": {"fail_on": "low"}},
            "deployment.initial_sync.fail_on: must be never, failed, high or medium",
        ),
    ],
)
def test_a_value_is_never_converted(document: dict[str, Any], said: str) -> None:
    """Text is no number and no truth, a number is no truth: what was written is not what was meant."""
    assert refusal(document) == said
