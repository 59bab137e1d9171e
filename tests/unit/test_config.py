"""Contact sync's configuration: safe by default, the spec's values, mistakes with their place and what is allowed."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from orgsync.contact_sync.config import (
    AWS_QUOTAS,
    DECISIONS,
    LONGEST_WAITS,
    ContactSyncConfig,
    Pace,
    RetryConfig,
    VerifyConfig,
    parse,
    starts_run,
)
from orgsync.contact_sync.names import Kind, Operation
from orgsync.shared.configuration import ConfigurationRefused


def seconds(most: float) -> st.SearchStrategy[float]:
    """Draw none, or any that a configuration may name."""
    return st.just(0.0) | st.floats(1e-6, most)


# Each of them: a document, the place in it that is wrong, and a word of what is allowed there.
MISTAKES: dict[str, tuple[dict[str, Any], str, str]] = {
    "a key that is not one": ({"contact_typ": []}, "contact_typ", "contact_types"),
    "a kind that is not one": (
        {"contact_types": ["privacy"]},
        "contact_types.0",
        "primary, billing, operations or security",
    ),
    "no kind at all": ({"contact_types": []}, "contact_types", "at least 1"),
    "a kind twice": ({"contact_types": ["billing", "billing"]}, "contact_types", "once"),
    "kinds that are no list": ({"contact_types": "billing"}, "contact_types", "a list"),
    "an account id that is too short": ({"excluded_accounts": ["12345"]}, "excluded_accounts.0", "12 digits"),
    "an account id without quotes": ({"excluded_accounts": [200000000001]}, "excluded_accounts.0", "in quotes"),
    "an account twice": ({"excluded_accounts": ["200000000001"] * 2}, "excluded_accounts", "once"),
    "a unit that is no path": ({"excluded_units": ["Sandbox"]}, "excluded_units.0", "/Sandbox"),
    "a unit path that ends in a slash": ({"excluded_units": ["/Sandbox/"]}, "excluded_units.0", "/Sandbox"),
    "the root itself": ({"excluded_units": ["/"]}, "excluded_units.0", "path from the root"),
    "a policy that is not one": ({"on_source_delete": "delete"}, "on_source_delete", "ignore, propagate or alert"),
    "retries below none": ({"retry_config": {"max_attempts": -1}}, "retry_config.max_attempts", "at least 0"),
    "a key beside retries": ({"retry_config": {"tries": 3}}, "retry_config.tries", "max_attempts"),
    "patience over before the first attempt": (
        {"new_accounts": {"settle": 3600, "patience": 60}},
        "new_accounts",
        "patience (60) must be above settle (3600)",
    ),
    "delays in the wrong order": ({"retry_config": {"base_delay": 9, "max_delay": 3}}, "retry_config", "max_delay"),
    "no look at all": ({"verify_config": {"max_attempts": 0}}, "verify_config.max_attempts", "at least 1"),
    "an operation that is not one": (
        {"pacing": {"GetContact": {"rate": 1, "burst": 1}}},
        "pacing.GetContact",
        "GetContactInformation",
    ),
    "a pace of nothing": (
        {"pacing": {"PutAlternateContact": {"rate": 0, "burst": 1}}},
        "pacing.PutAlternateContact.rate",
        "greater than 0",
    ),
    "a pace without its burst": (
        {"pacing": {"PutAlternateContact": {"rate": 1}}},
        "pacing.PutAlternateContact.burst",
        "is missing",
    ),
    "a key beside a pace": (
        {"pacing": {"PutAlternateContact": {"rate": 1, "burst": 1, "bust": 2}}},
        "pacing.PutAlternateContact.bust",
        "burst",
    ),
    "a schedule in words": ({"schedule": "daily"}, "schedule", "rate(1 day)"),
    "a rate of zero": ({"schedule": "rate(0 days)"}, "schedule", "rate(1 day)"),
    "a rate with the wrong plural": ({"schedule": "rate(1 days)"}, "schedule", "rate(1 day)"),
    "a cron of five fields": ({"schedule": "cron(0 6 * * *)"}, "schedule", "cron("),
    "a scenario that is not one": (
        {"notification_settings": {"user_notifications_config": {"notification_rules": {"high_priority": ["x"]}}}},
        "notification_settings.user_notifications_config.notification_rules.high_priority.0",
        "complete_failure, ",
    ),
    "a scenario in two lists": (
        {
            "notification_settings": {
                "user_notifications_config": {"notification_rules": {"low_priority": ["system_errors"]}}
            }
        },
        "notification_settings.user_notifications_config.notification_rules",
        "system_errors",
    ),
    "a channel that is not one": (
        {"notification_settings": {"user_notifications_config": {"delivery_channels": ["FAX"]}}},
        "notification_settings.user_notifications_config.delivery_channels.0",
        "EMAIL, SMS, ",
    ),
    "a topic that is no ARN": (
        {"notification_settings": {"fallback_sns_topic": "alerts"}},
        "notification_settings.fallback_sns_topic",
        "arn:",
    ),
    "an e-mail address without an at": (
        {"notification_settings": {"subscriptions": [{"protocol": "email", "endpoint": "ops"}]}},
        "notification_settings.subscriptions.0",
        "e-mail address",
    ),
    "a phone number without its plus": (
        {"notification_settings": {"subscriptions": [{"protocol": "sms", "endpoint": "5550100"}]}},
        "notification_settings.subscriptions.0",
        "+15550100",
    ),
    "an address without TLS": (
        {"notification_settings": {"subscriptions": [{"protocol": "https", "endpoint": "http://example.com"}]}},
        "notification_settings.subscriptions.0",
        "https://",
    ),
    "a key beside a subscription": (
        {"notification_settings": {"subscriptions": [{"protocol": "sms", "endpoint": "+15550100", "to": "x"}]}},
        "notification_settings.subscriptions.0.to",
        "endpoint, protocol",
    ),
    "a threshold of none": (
        {"notification_settings": {"failure_threshold": 0}},
        "notification_settings.failure_threshold",
        "at least 1",
    ),
    "an empty tag key": ({"excluded_tags": {"": "x"}}, "excluded_tags.", "at least 1"),
    "a tag value without quotes": ({"excluded_tags": {"cost": 42}}, "excluded_tags.cost", "in quotes"),
    "a delay that no table can hold": (
        {"verify_config": {"delay": 1e-300}},
        "verify_config.delay",
        "at least 0.000001",
    ),
    "a pace that no table can hold": (
        {"pacing": {"PutAlternateContact": {"rate": 1e-200, "burst": 1}}},
        "pacing.PutAlternateContact.rate",
        "at least 0.000001",
    ),
    "paused in a word of its own": ({"paused": "later"}, "paused", "true or false"),
    "paused as text": ({"paused": "true"}, "paused", "true or false"),
    "a number as text": ({"retry_config": {"max_attempts": "3"}}, "retry_config.max_attempts", "a whole number"),
    "tag values that exclude nobody": ({"excluded_tags": {"team": []}}, "excluded_tags.team", "at least 1 entry"),
    "a cron of letters": ({"schedule": "cron(x x x x x x)"}, "schedule", "rate(1 day)"),
    "a cron with two days": ({"schedule": "cron(0 6 1 * MON *)"}, "schedule", "one day ?"),
    "a minute that no hour has": ({"schedule": "cron(61 6 * * ? *)"}, "schedule", "within 0-59"),
    "a day that no such month has": ({"schedule": "cron(0 0 31 2,4 ? *)"}, "schedule", "never fire"),
    "a range backwards": ({"schedule": "cron(0 9-6 * * ? *)"}, "schedule", "within 0-23"),
    "a rate of decades": ({"schedule": "rate(100000 days)"}, "schedule", "at most 366 days"),
    "a sixth Monday": ({"schedule": "cron(0 6 ? * 2#6 *)"}, "schedule", "MON#1"),
    "contacts without their channel": (
        {
            "notification_settings": {
                "user_notifications_config": {
                    "delivery_channels": ["SLACK"],
                    "email_contacts": [{"address": "security@example.com"}],
                }
            }
        },
        "notification_settings.user_notifications_config",
        "email_contacts get nothing unless delivery_channels has EMAIL",
    ),
    "a tag value in a list without quotes": ({"excluded_tags": {"cost": [42]}}, "excluded_tags.cost", "in quotes"),
    "a tag key without quotes": ({"excluded_tags": {True: "x"}}, "excluded_tags.true", "in quotes"),
    "a value that JSON does not have": ({"excluded_units": {1, 2}}, "", "lists and mappings"),
}


def test_an_empty_document_is_the_specs_default() -> None:
    """An owner who configures nothing gets what the spec says, and deletes nothing."""
    config = parse({})
    assert config.contact_types == tuple(Kind)
    assert (config.excluded_accounts, config.excluded_units, dict(config.excluded_tags)) == ((), (), {})
    retry = config.retry_config
    assert (retry.max_attempts, retry.base_delay, retry.max_delay) == (3, 2, 60)
    assert config.on_source_delete == "alert"
    assert config.schedule == "rate(1 day)"
    assert not config.paused
    settings = config.notification_settings
    assert (settings.notify_on_failure, settings.notify_on_success) == (True, False)
    assert (settings.notify_on_partial_failure, settings.failure_threshold) == (True, 1)
    rules = settings.user_notifications_config.notification_rules
    assert rules.high_priority == ("complete_failure", "permission_errors", "system_errors")
    assert rules.medium_priority == ("partial_failure", "configuration_errors")
    assert rules.low_priority == ("success_completion",)
    assert settings.user_notifications_config.notification_hub_region is None  # the stack's own region


def test_the_specs_own_document_is_valid() -> None:
    """The configuration that stands in the spec can be used as it is."""
    document = {
        "contact_types": ["primary", "billing", "operations", "security"],
        "excluded_accounts": ["123456789012", "234567890123"],
        "retry_config": {"max_attempts": 3, "base_delay": 2, "max_delay": 60, "fresh_permissions": 120},
        "notification_settings": {
            "user_notifications_config": {
                "notification_hub_region": "us-east-1",
                "delivery_channels": ["EMAIL", "SMS", "SLACK"],
                "notification_rules": {
                    "high_priority": ["complete_failure", "permission_errors", "system_errors"],
                    "medium_priority": ["partial_failure", "configuration_errors"],
                    "low_priority": ["success_completion"],
                },
            },
            "fallback_sns_topic": "arn:aws:sns:us-east-1:123456789012:alerts",
            "notify_on_failure": True,
            "notify_on_success": False,
            "notify_on_partial_failure": True,
            "failure_threshold": 1,
        },
    }
    assert parse(document).excluded_accounts == ("123456789012", "234567890123")


ADDRESSES = [
    "security@example.com",
    "security@example.co.uk",
    "security@example.xn--p1ai",
    "security+aws@example.com",
    "o'neil@example.com",
    "first.last@mail.eu-west.example.com",
    "{a}!#$%&*/=?^_`|~-@example.com",
    "S@1.2-3.Example",
    f"{'a' * 64}@example.com",
    f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 56}.com",
]
NO_ADDRESSES = [
    "<security@example.com>",
    "mailto:a@b.com",
    "security@example.com.",
    "security@example.com\n",
    " security@example.com",
    "a@b..com",
    "a@.b.com",
    "a@example.com;",
    "a,b@c.de",
    "a@b@c.de",
    "a b@c.de",
    "a@-x.com",
    "a@x-.com",
    "a@x_y.com",
    "a@x.c",
    "a@x.123",
    "a@localhost",
    "a@[127.0.0.1]",
    "@example.com",
    ".a@example.com",
    "a.@example.com",
    "a..b@example.com",
    '"a"@example.com',
    "é@example.com",
    "a@exämple.com",
    f"{'a' * 65}@example.com",
    f"a@{'b' * 64}.com",
    f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 57}.com",
]


def settings_with(address: str) -> list[tuple[dict[str, Any], str]]:
    """Return notification settings for the two places where an e-mail address may stand, with their paths."""
    return [
        ({"subscriptions": [{"protocol": "email", "endpoint": address}]}, "subscriptions.0"),
        (
            {"user_notifications_config": {"email_contacts": [{"address": address}]}},
            "user_notifications_config.email_contacts.0.address",
        ),
    ]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_mail_can_reach_is_taken(address: str) -> None:
    """Tags, apostrophes and subdomains too, up to the lengths that mail knows; in both places alike."""
    for document, _ in settings_with(address):
        settings = parse({"notification_settings": document}).notification_settings
        contacts = settings.user_notifications_config.email_contacts
        assert [*(one.endpoint for one in settings.subscriptions), *(one.address for one in contacts)] == [address]


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_an_address_that_no_mail_can_reach_is_refused(address: str) -> None:
    """A notification to it would be lost, and nobody would know; refused in both places alike."""
    for settings, place in settings_with(address):
        with pytest.raises(ConfigurationRefused, match=rf"{place}: .*an e-mail address such as security@example\.com"):
            parse({"notification_settings": settings})


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://example.com",
        "https://hooks.eu-west.example.com:8443/a/b?token=x%20y",
        "https://example.com?token=x",
        "https://192.0.2.7:65535/",
        "https://desk:secret@example.com/hook",
    ],
)
def test_an_https_endpoint_is_a_host_and_what_it_is_asked_for(endpoint: str) -> None:
    """Its port, path and query are its owner's, and so is the name and password that SNS signs in with."""
    config = parse({"notification_settings": {"subscriptions": [{"protocol": "https", "endpoint": endpoint}]}})
    assert [one.endpoint for one in config.notification_settings.subscriptions] == [endpoint]


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://",
        "https://?",
        "https:///path",
        "https://:443",
        "https://.",
        "https://localhost",
        "https://example..com",
        "https://-example.com",
        "https://example.com.",
        "https://example.com:",
        "https://example.com:0",
        "https://example.com:65536",
        "https://example.com:port",
        "https://example.com/a b",
        "https://example.com/\n",
        "https://256.0.2.7",
        "https://192.0.2",
        "https://a@b@example.com",
        "https://@example.com",
        "HTTPS//example.com",
        f"https://{'.'.join(['a' * 63] * 4)}.com",
    ],
)
def test_an_https_endpoint_without_a_host_is_refused(endpoint: str) -> None:
    """SNS would have nobody to call."""
    with pytest.raises(ConfigurationRefused, match=r"subscriptions\.0: .*such as https://example\.com/path"):
        parse({"notification_settings": {"subscriptions": [{"protocol": "https", "endpoint": endpoint}]}})


@pytest.mark.parametrize("mistake", sorted(MISTAKES))
def test_a_mistake_names_its_place_and_what_is_allowed_there(mistake: str) -> None:
    """No guessing: the line about a mistake begins with its path and says what may stand there."""
    document, place, allowed = MISTAKES[mistake]
    with pytest.raises(ConfigurationRefused) as refused:
        parse(document, "contact_sync")
    path = f"contact_sync.{place}" if place else "contact_sync"
    line = next(line for line in str(refused.value).splitlines() if line.startswith(f"{path}: "))
    assert allowed in line


def test_every_mistake_is_named_at_once() -> None:
    """A document with three mistakes is refused with three lines."""
    with pytest.raises(ConfigurationRefused) as refused:
        parse({"schedule": "daily", "paused": "later", "colour": "red"})
    assert len(str(refused.value).splitlines()) == 3


def test_a_refusal_carries_no_chain() -> None:
    """pydantic's own error repeats what was typed; it does not travel along."""
    with pytest.raises(ConfigurationRefused) as refused:
        parse({"schedule": "daily"})
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


@pytest.mark.parametrize("document", [[], "paused: true", None, 5])
def test_a_document_that_is_no_mapping_is_refused(document: Any) -> None:
    """Any other document is refused by its path, not by a crash."""
    with pytest.raises(ConfigurationRefused, match=r"^contact_sync: must be a mapping$"):
        parse(document, "contact_sync")


@pytest.mark.parametrize(
    ("place", "value"),
    [("paused", True), ("retry_config", RetryConfig()), ("contact_types", ()), ("schedule", "rate(1 hour)")],
)
def test_a_configuration_is_frozen(place: str, value: object) -> None:
    """A run keeps the version that it has read: nothing can change it on the way."""
    with pytest.raises(ValidationError):
        setattr(parse({}), place, value)
    with pytest.raises(ValidationError):
        parse({}).retry_config.max_attempts = 9


@pytest.mark.parametrize("unit", ["/Sandbox", "/Sandbox/Team A", "/Équipe 1", "ou-ab12-34cd56ef"])
def test_units_are_paths_or_ids(unit: str) -> None:
    """A unit is named by its path from the root, whatever its letters, or by its id."""
    assert parse({"excluded_units": [unit]}).excluded_units == (unit,)


@pytest.mark.parametrize(
    "schedule", ["rate(1 day)", "rate(12 hours)", "cron(0 6 * * ? *)", "cron(0/15 6 ? * MON-FRI *)"]
)
def test_schedules_are_eventbridge_schedulers(schedule: str) -> None:
    """EventBridge Scheduler's own expressions pass as they stand."""
    assert parse({"schedule": schedule}).schedule == schedule


def test_the_default_delays_are_the_specs() -> None:
    """A temporary failure is tried again after 2, 4 and 8 seconds."""
    assert parse({}).retry_config.delays() == (2, 4, 8)


@given(
    attempts=st.integers(0, 10),
    base=seconds(60),
    longest=seconds(300),
)
def test_delays_double_up_to_the_longest(attempts: int, base: float, longest: float) -> None:
    """As many delays as attempts; each is twice the one before, and none is longer than the longest."""
    if longest < base:
        longest = base
    delays = RetryConfig(max_attempts=attempts, base_delay=base, max_delay=longest).delays()
    assert len(delays) == attempts
    assert all(delay == min(base * 2**i, longest) for i, delay in enumerate(delays))


def test_verification_looks_at_least_once() -> None:
    """A write is read back at least once, with the least patience that can be configured."""
    assert len(VerifyConfig(delay=0, max_attempts=1).delays()) == 1


@pytest.mark.parametrize("operation", list(Operation))
def test_a_pace_is_the_owners_or_awss(operation: Operation) -> None:
    """An operation that the owner does not pace keeps AWS's quota; one that the owner does keeps the owner's."""
    paced = parse({"pacing": {str(operation): {"rate": 0.5, "burst": 1}}})
    assert paced.pace(operation) == Pace(rate=0.5, burst=1)
    assert parse({}).pace(operation) == AWS_QUOTAS[operation]


def test_the_document_survives_json() -> None:
    """A configuration that went through a table or a template as JSON says the same."""
    config = parse(
        {
            "excluded_tags": {"team": ["a", "b"], "env": "test"},
            "pacing": {"PutAlternateContact": {"rate": 0.1, "burst": 1}},
        }
    )
    assert parse(json.loads(config.model_dump_json())) == config


@given(
    retries=st.builds(dict, max_attempts=st.integers(0, 10), base_delay=seconds(60), max_delay=st.floats(60, 300)),
    looks=st.builds(dict, delay=seconds(60), max_attempts=st.integers(1, 10)),
)
def test_the_waits_of_one_account_fit_into_a_functions_life(retries: dict[str, Any], looks: dict[str, Any]) -> None:
    """Whatever each key allows by itself, their waits together are taken exactly where a life has the time for them."""
    waits = sum(RetryConfig(**retries).delays()) + sum(VerifyConfig(**looks).delays())
    document = {"retry_config": retries, "verify_config": looks}
    if waits <= LONGEST_WAITS:
        assert parse(document).verify_config.max_attempts == looks["max_attempts"]
        return
    with pytest.raises(ConfigurationRefused) as refused:
        parse(document, "contact_sync")
    (line,) = str(refused.value).splitlines()
    for part in ("contact_sync: ", "retry_config", "verify_config", f"{waits:.0f} seconds", str(LONGEST_WAITS)):
        assert part in line


@given(settle=st.integers(0, 3600), patience=st.integers(0, 24 * 3600))
@example(120, 120)
@example(0, 0)
def test_a_new_account_is_attempted_before_patience_ends(settle: int, patience: int) -> None:
    """Else its first refusal would be a failure already; who waits for nothing needs no patience."""
    if settle == 0 or settle < patience:
        assert parse({"new_accounts": {"settle": settle, "patience": patience}}).new_accounts.settle == settle
    else:
        with pytest.raises(ConfigurationRefused, match="must be above settle"):
            parse({"new_accounts": {"settle": settle, "patience": patience}})


def test_endless_waits_are_named_with_their_sum_and_the_limit() -> None:
    """Four looks from a minute on, doubling, and the default retries: 900 seconds and 14."""
    with pytest.raises(ConfigurationRefused, match=r"add up to 914 seconds, and 840 at most"):
        parse({"verify_config": {"delay": 60, "max_attempts": 4}})


# Of every field, two different values; the first is not the default where a default is no decision by itself.
FIELDS: dict[str, tuple[Any, Any]] = {
    "contact_types": (["billing"], ["billing", "security"]),
    "excluded_accounts": (["200000000001"], ["200000000001", "200000000002"]),
    "excluded_units": (["/Sandbox"], ["/Sandbox/Team A"]),
    "excluded_tags": ({"team": ["a"]}, {"team": ["a", "b"]}),
    "on_source_delete": ("ignore", "propagate"),
    "retry_config": ({"max_attempts": 1}, {"max_attempts": 2}),
    "verify_config": ({"delay": 1}, {"delay": 2}),
    "new_accounts": ({"settle": 1}, {"settle": 2}),
    "pacing": ({"PutAlternateContact": {"rate": 1, "burst": 1}}, {"PutAlternateContact": {"rate": 2, "burst": 1}}),
    "schedule": ("rate(1 day)", "rate(2 days)"),
    "notification_settings": (
        {"subscriptions": []},
        {"subscriptions": [{"protocol": "email", "endpoint": "desk@example.com"}]},
    ),
    "paused": (True, False),
}
DECIDES_NOTHING = {"retry_config", "verify_config", "new_accounts", "pacing", "schedule", "notification_settings"}
"""Fields that say how, when and for whom a run works, and not what accounts should hold."""

CHOICES = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in FIELDS.items()})


def test_every_field_is_classified() -> None:
    """A new field decides what accounts should hold, or it does not: nobody may forget to say which."""
    assert not DECISIONS & DECIDES_NOTHING
    assert DECISIONS | DECIDES_NOTHING == set(ContactSyncConfig.model_fields) == set(FIELDS)


@given(before=CHOICES, after=CHOICES)
def test_only_a_change_of_what_accounts_should_hold_starts_a_run(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Whatever else changes beside it; and a pause starts none, its end always one."""
    old, new = parse(before), parse(after)
    changed = {name for name in FIELDS if getattr(old, name) != getattr(new, name)}
    assert starts_run(old, new) == (not new.paused and bool(changed - DECIDES_NOTHING))
    assert not starts_run(new, new)
    if old.paused and not new.paused:
        assert starts_run(old, new)


@given(
    kinds=st.permutations(list(Kind)),
    accounts=st.permutations([f"{200_000_000_000 + number}" for number in range(5)]),
    values=st.permutations(["a", "b", "c"]),
)
def test_the_order_of_a_list_decides_nothing(kinds: list[Kind], accounts: list[str], values: list[str]) -> None:
    """The same kinds, accounts and tags in another order are the same decision."""

    def document(backwards: bool) -> dict[str, Any]:
        step = -1 if backwards else 1
        return {
            "contact_types": [str(kind) for kind in kinds[::step]],
            "excluded_accounts": accounts[::step],
            "excluded_tags": {"team": values[::step]},
        }

    assert not starts_run(parse(document(False)), parse(document(True)))
