"""A stack file that cannot be meant is refused by the preview, with its place and what to do; nothing is made."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.contact_sync.configuration import STACK_KEY
from orgsync.sandbox.engines.opener import find_cli, open_engine
from orgsync.sandbox.engines.program import Program
from orgsync.sandbox.engines.protocol import DeployFailed, Engine
from orgsync.sandbox.model.organization import make

CONTACTS, RUNNING = "orgsync:contact_sync", "orgsync:deployment"
NOTIFICATIONS = "notification_settings"

MISTAKES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "an account that nobody has": (
        {CONTACTS: {"excluded_accounts": ["200000000001", "999999999999"]}},
        ("contact_sync.excluded_accounts.1", "999999999999", "correct its id, or take it out"),
    ),
    "what is no account id": (
        {CONTACTS: {"excluded_accounts": ["web"]}},
        ("contact_sync.excluded_accounts.0", "12 digits"),
    ),
    "a unit that is not there": (
        {CONTACTS: {"excluded_units": ["/Nowhere"]}},
        ("contact_sync.excluded_units.0", "/Nowhere", "correct its path or id"),
    ),
    "a unit's id that is not there": (
        {RUNNING: {"member_units": ["ou-abcd-11111111"]}},
        ("deployment.member_units.0", "ou-abcd-11111111", "list-organizational-units-for-parent"),
    ),
    "a schedule that never fires": (
        {CONTACTS: {"schedule": "cron(0 6 31 2 ? *)"}},
        ("contact_sync.schedule", "would never fire"),
    ),
    "a wrong e-mail address": (
        {
            CONTACTS: {
                NOTIFICATIONS: {"user_notifications_config": {"email_contacts": [{"address": "desk at example"}]}}
            }
        },
        (
            f"contact_sync.{NOTIFICATIONS}.user_notifications_config.email_contacts.0.address",
            "such as security@example.com",
        ),
    ),
    "a Slack channel's name for its id": (
        {CONTACTS: {NOTIFICATIONS: {"slack_channels": [{"workspace": "T0123ABCDE", "channel": "#alerts"}]}}},
        (f"contact_sync.{NOTIFICATIONS}.slack_channels.0.channel", "such as C0123456789"),
    ),
    "a Teams channel with a tenant's name": (
        {
            CONTACTS: {
                NOTIFICATIONS: {
                    "teams_channels": [
                        {"tenant": "example", "team": "0a1b2c3d-0000-4000-8000-000000000002", "channel": "19:a"}
                    ]
                }
            }
        },
        (f"contact_sync.{NOTIFICATIONS}.teams_channels.0.tenant",),
    ),
    "a region of another partition than the account's": (
        {"aws:region": "cn-north-1"},
        ("aws:region", "cn-north-1", "no region of the partition aws;"),
    ),
    "a region of China": (
        {"aws:region": "cn-northwest-1"},
        ("aws:region", "cn-northwest-1", "name one of it"),
    ),
    "a fallback topic in another region": (
        {CONTACTS: {NOTIFICATIONS: {"fallback_sns_topic": "arn:aws:sns:eu-west-1:100000000001:central"}}},
        (f"contact_sync.{NOTIFICATIONS}.fallback_sns_topic", "eu-west-1", "name a topic there"),
    ),
    "a key that is misspelt": (
        {"orgsync:contact_sink": {"paused": True}},
        ("orgsync:contact_sink: is not a key here", "orgsync:contact_sync"),
    ),
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud(make(seed=5, count=2)) as opened:
        yield opened


@pytest.fixture(scope="module", params=["inline", pytest.param("pulumi", marks=pytest.mark.engine)])
def engine(request: pytest.FixtureRequest, cloud: Cloud) -> Iterator[Engine]:
    if request.param == "pulumi" and find_cli() is None:
        pytest.skip("no Pulumi CLI on PATH or at .engine/pulumi: make engine")
    with open_engine(request.param, cloud, Path(__file__).parents[2], STACK_KEY) as opened:
        yield opened


@pytest.mark.parametrize("mistake", MISTAKES)
def test_it_is_refused_with_its_place_and_the_remedy(
    mistake: str, engine: Engine, cloud: Cloud, clone: Callable[[dict[str, Any]], Path]
) -> None:
    """Before anything is made, by either engine."""
    wrong, said = MISTAKES[mistake]
    engine.program = Program(clone(wrong), STACK_KEY)
    with pytest.raises(DeployFailed) as refused:
        engine.preview("dev")
    for part in said:
        assert part in str(refused.value)
    assert cloud.leftovers() == []
