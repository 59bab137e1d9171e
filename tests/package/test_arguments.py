"""Arguments of ContactSync: accepted and refused ones, and the names of the mistakes in them."""

import typing
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import pulumi
import pytest
from pydantic import BaseModel

from orgsync.components.contact_sync.arguments import (
    ContactSyncArgs,
    InitialSyncOutcome,
    result,
    settings,
    validators,
    written,
)
from orgsync.components.contact_sync.deployment import LogLevel
from orgsync.components.shared.arguments import (
    PACKAGE,
    PYTHON,
    ArgumentsRefused,
    Path,
    RefusedArgument,
    Spelling,
    fields,
)
from orgsync.contact_sync.core.run import RunStatus
from orgsync.contact_sync.names import InitialSyncStatus, Kind
from orgsync.shared.configuration import ConfigurationRefused
from orgsync.shared.notification_settings import RunScenario, Severity

SPELLINGS = [pytest.param(PYTHON, id="import"), pytest.param(PACKAGE, id="package")]
NOTIFIED = "contact_sync.notification_settings"
PASSED_ON = {
    f"{NOTIFIED}.fallback_sns_topic",
    f"{NOTIFIED}.subscriptions.0.endpoint",
    f"{NOTIFIED}.slack_channels.0.workspace",
    f"{NOTIFIED}.slack_channels.0.channel",
    f"{NOTIFIED}.teams_channels.0.tenant",
    f"{NOTIFIED}.teams_channels.0.team",
    f"{NOTIFIED}.teams_channels.0.channel",
    f"{NOTIFIED}.user_notifications_config.email_contacts.0.address",
}
"""Paths at which a value is only handed to AWS."""


def places(kind: Any = ContactSyncArgs, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every place in the arguments, with the type of what stands there."""
    yield path, kind
    if is_typeddict(kind):
        for name, inner in fields(kind).items():
            yield from places(inner, (*path, name))
    elif get_origin(kind) is Sequence:
        yield from places(get_args(kind)[0], (*path, 0))
    elif get_origin(kind) is Mapping:
        yield from places(get_args(kind)[1], (*path, "GetContactInformation"))


def at(path: Path, value: Any, spelling: Spelling = PYTHON) -> Any:
    """Make arguments that hold a value at a place, and nothing else."""
    known = written(spelling).spelled_keys()
    for step in reversed(path):
        value = [value] if step == 0 else {known.get(str(step), step): value}
    return value


def mistakes(given: Any, spelling: Spelling = PYTHON) -> dict[str, str]:
    """Return what is wrong with arguments, by path."""
    with pytest.raises(ArgumentsRefused) as refused:
        settings(given, spelling)
    return {one.path: one.sentence for one in refused.value.refusals}


RECORDS = [path for path, kind in places() if is_typeddict(kind)]
VALUES = [path for path, kind in places() if path and not is_typeddict(kind)]


def named(path: Path) -> str:
    return ".".join(map(str, path)) or "arguments"


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("path", RECORDS, ids=named)
def test_an_unknown_key_is_refused_at_any_depth(path: Path, spelling: Spelling) -> None:
    """Without a word a misspelt exclusion would pass for one that is not given."""
    said = mistakes(at((*path, "excludedAcounts"), ["200000000001"], spelling), spelling)
    where = written(spelling).path(path, "excludedAcounts")
    kind = dict(places())[path]
    allowed = ", ".join(spelling.key(key) for key in sorted(fields(kind)))
    assert said[where] == f"is not {'a key' if path else 'an argument'} here; allowed: {allowed}"


def test_a_key_is_spelled_as_the_language_spells_it() -> None:
    """Python's spelling in the package is an unknown key, and the reverse: nothing is given under two names."""
    assert "contactSync.excluded_accounts" in mistakes({"contactSync": {"excluded_accounts": []}}, PACKAGE)
    assert "contact_sync.excludedAccounts" in mistakes({"contact_sync": {"excludedAccounts": []}}, PYTHON)


def test_keys_of_maps_are_the_owners_own() -> None:
    """Tags and operations stay as they are written."""
    given = {"contactSync": {"excludedTags": {"cost_center": ["a"], "costCenter": ["b"]}}}
    assert settings(given, PACKAGE).config.excluded_tags == {"cost_center": ("a",), "costCenter": ("b",)}
    said = mistakes({"contactSync": {"excludedTags": {"cost_center": [1], "a tag": [1]}}}, PACKAGE)
    assert set(said) == {"contactSync.excludedTags.cost_center", 'contactSync.excludedTags["a tag"]'}


def test_every_mistake_is_named_at_once() -> None:
    """Each with its path and its remedy, in the words of the language that the arguments are written in."""
    later = pulumi.Output.from_input("rate(1 hour)")
    given = {
        "contactSync": {
            "excludedAcounts": ["200000000001"],
            "excludedAccounts": ["200000000001", "12"],
            "onSourceDelete": "forget",
            "retryConfig": {"baseDelay": 5, "maxDelay": 1},
            "pacing": {"GetContactInformation": {"rate": 1}},
            "schedule": later,
        },
        "deployment": {"memory": {"plan": "90"}, "protect": "no"},
    }
    said = mistakes(given, PACKAGE)
    assert said.pop("contactSync.excludedAcounts").startswith("is not a key here; allowed: contactTypes, excluded")
    assert said.pop("contactSync.schedule").startswith("must be written out: ")
    assert said == {
        "contactSync.excludedAccounts[1]": "must be an account id of 12 digits, in quotes",
        "contactSync.onSourceDelete": "must be ignore, propagate or alert",
        "contactSync.retryConfig": "maxDelay must not be below baseDelay",
        "contactSync.pacing.GetContactInformation.burst": "is missing",
        "deployment.memory.plan": "must be a whole number",
        "deployment.protect": "must be true or false",
    }


def test_a_mistake_found_later_is_named_in_the_same_way() -> None:
    """A mistake that only AWS can see is refused by the component, and spelled as its caller spells it."""
    said = written(PACKAGE).refusals(
        "contact_sync.excluded_accounts.3: AWS Organizations does not show the account 200000000009\n"
        "'a-prefix' has 60 characters: shorten project or stack"
    )
    assert said == [
        RefusedArgument("contactSync.excludedAccounts[3]", "AWS Organizations does not show the account 200000000009"),
        RefusedArgument("", "'a-prefix' has 60 characters: shorten project or stack"),
    ]


@pytest.mark.parametrize("path", [path for path in VALUES if named(path) not in PASSED_ON], ids=named)
def test_an_output_is_refused_where_it_decides(path: Path) -> None:
    """It decides what is declared, and is known too late for that; its author reads what to write instead."""
    said = mistakes(at(path, pulumi.Output.from_input("later")))
    assert said[named(path)].startswith("must be written out: ")
    assert said[named(path)].endswith("(`get_output_details`, `getOutputValue`)")


def test_an_output_is_taken_where_it_is_only_passed_on() -> None:
    """Its shape is not checked, and it is the very value that AWS gets."""

    def later(text: str) -> pulumi.Output[str]:
        return pulumi.Output.from_input(text)

    teams = {"tenant": later("tenant"), "team": later("team"), "channel": later("channel")}
    notified = {
        "fallback_sns_topic": later("topic"),
        "subscriptions": [{"protocol": protocol, "endpoint": later(protocol)} for protocol in ("sms", "sms", "email")],
        "slack_channels": [{"workspace": later("workspace"), "channel": later("channel")}],
        "teams_channels": [teams],
        "user_notifications_config": {"email_contacts": [{"address": later("address")}]},
    }
    given = settings({"contact_sync": {"notification_settings": notified}})
    assert len(given.later.outputs) == len(PASSED_ON) + 2
    read = given.config.notification_settings
    assert given.later.value(read.teams_channels[0].team) is teams["team"]
    assert given.later.value("desk@example.com") == "desk@example.com"


def test_an_entry_that_is_known_later_is_named_after_its_place() -> None:
    """Any other is named after itself, so that a new entry above it renames none."""
    endpoint = pulumi.Output.from_input("desk@example.com")
    subscriptions = [{"protocol": "email", "endpoint": one} for one in ("first@example.com", endpoint)]
    given = settings({"contact_sync": {"notification_settings": {"subscriptions": subscriptions}}})
    first, second = given.config.notification_settings.subscriptions
    assert given.later.name(0, first.protocol, first.endpoint) == given.later.name(7, first.protocol, first.endpoint)
    assert given.later.name(1, second.protocol, second.endpoint) == "1"


def test_where_values_are_passed_on_exists() -> None:
    """The table above names places that there are."""
    assert {named(path) for path in VALUES} >= PASSED_ON


def test_no_destination_is_part_of_what_a_run_may_read() -> None:
    """A run publishes to topics: of people's addresses, given now or later, as a secret or not, it needs none."""
    notified = {
        "fallback_sns_topic": pulumi.Output.from_input("arn:aws:sns:us-east-1:100000000001:topic"),
        "failure_threshold": 2,
        "subscriptions": [
            {"protocol": "email", "endpoint": "desk@example.com"},
            {"protocol": "sms", "endpoint": "+15550100"},
            {"protocol": "https", "endpoint": pulumi.Output.secret("https://name:password@example.com")},
            {"protocol": "https", "endpoint": "https://name:password@example.com"},
            {"protocol": "https", "endpoint": "https://example.com/a?token=b"},
        ],
        "slack_channels": [{"workspace": "T0123ABCDE", "channel": "C0123ABCDE"}],
        "teams_channels": [dict.fromkeys(("tenant", "team", "channel"), pulumi.Output.from_input("later"))],
        "user_notifications_config": {
            "delivery_channels": ["EMAIL", "SLACK"],
            "notification_rules": {"low_priority": []},
            "email_contacts": [{"address": pulumi.Output.from_input("a@example.com")}, {"address": "b@example.com"}],
        },
    }
    given = settings({"contact_sync": {"schedule": "rate(1 hour)", "notification_settings": notified}})
    assert len(given.config.notification_settings.subscriptions) == 5
    assert given.document == {
        "schedule": "rate(1 hour)",
        "notification_settings": {
            "failure_threshold": 2,
            "user_notifications_config": {
                "delivery_channels": ["EMAIL", "SLACK"],
                "notification_rules": {"low_priority": []},
            },
        },
    }
    assert settings({"contact_sync": given.document}).config.notification_settings.failure_threshold == 2


def test_the_text_that_stands_for_an_output_is_no_endpoint() -> None:
    """Written by a person it is refused like any other text."""
    endpoint = f"the value of {NOTIFIED}.subscriptions.0.endpoint, known later"
    given = {"notification_settings": {"subscriptions": [{"protocol": "email", "endpoint": endpoint}]}}
    assert f"{NOTIFIED}.subscriptions.0" in mistakes({"contact_sync": given})


@pytest.mark.parametrize("given", [None, {}, {"contact_sync": None, "deployment": None}, {"contact_sync": {}}])
def test_nothing_given_is_the_default(given: dict[str, Any] | None) -> None:
    """None is nothing too: other languages send it."""
    assert settings(given).config == settings({}).config
    assert settings(given).document == {}


@pytest.mark.parametrize("value", [[], ["billing"], "text", True, 1])
def test_a_document_is_a_mapping(value: Any) -> None:
    """An empty list is no empty document."""
    assert mistakes({"contact_sync": value}) == {"contact_sync": "must be a mapping"}


def test_a_member_of_a_closed_set_and_its_text_are_the_same() -> None:
    """A typed program writes one, a stack file the other."""
    members = {"contact_sync": {"contact_types": [Kind.BILLING]}, "deployment": {"log_level": LogLevel.DEBUG}}
    texts = {"contact_sync": {"contact_types": ["billing"]}, "deployment": {"log_level": "DEBUG"}}
    assert settings(members).config == settings(texts).config
    assert settings(members).deployment == settings(texts).deployment


def test_numbers_may_come_as_the_engine_sends_them() -> None:
    """The engine sends every number as a fraction; one that is whole is an integer, one that is not is none."""
    assert settings({"deployment": {"memory": {"plan": 256.0}}}).deployment.memory.plan == 256
    assert mistakes({"deployment": {"memory": {"plan": 256.5}}}) == {"deployment.memory.plan": "must be a whole number"}


def itself() -> dict[str, Any]:
    """Return a mapping that contains itself."""
    made: dict[str, Any] = {}
    made["retry_config"] = made
    return made


def list_of_itself() -> dict[str, Any]:
    """Return a mapping of a list that contains itself."""
    made: list[Any] = []
    made.append(made)
    return {"excluded_accounts": made}


@pytest.mark.parametrize("document", [itself(), list_of_itself()], ids=["mapping", "list"])
@pytest.mark.parametrize("name", ["contact_sync", "deployment"])
def test_what_contains_itself_is_refused(name: str, document: dict[str, Any]) -> None:
    """A program may make such a thing: it is refused by its argument's name like any other mistake."""
    with pytest.raises(ArgumentsRefused, match=f"{name}"):
        settings({name: document, "deployment" if name == "contact_sync" else "contact_sync": {}})


PAIRS = validators()


@pytest.mark.parametrize(("kind", "model"), PAIRS, ids=lambda one: one.__name__)
def test_types_and_models_have_the_same_keys(kind: type, model: type[BaseModel]) -> None:
    """One is published, the other validates: the same keys, the same of them required."""
    assert set(fields(kind)) == set(model.model_fields)
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    assert getattr(kind, "__required_keys__") == required  # noqa: B009  mypy knows no such attribute of a type


@pytest.mark.parametrize(("kind", "model"), PAIRS, ids=lambda one: one.__name__)
def test_types_and_models_have_the_same_closed_sets(kind: type, model: type[BaseModel]) -> None:
    """The same enums, and no set of texts that only the model knows."""
    for name, annotation in fields(kind).items():
        validated = get_type_hints(model, include_extras=False)[name]
        assert closed_sets(annotation) == closed_sets(values(validated)), name
        assert not any(get_origin(part) is typing.Literal for part in parts(validated)), name


def test_every_record_has_a_model() -> None:
    """No typed dictionary is left out of the comparison."""
    assert {kind for _, kind in places() if is_typeddict(kind)} - {ContactSyncArgs} == {kind for kind, _ in PAIRS}


def parts(annotation: Any) -> Iterator[Any]:
    """Yield an annotation and everything in it."""
    yield annotation
    for part in get_args(annotation):
        yield from parts(part)


def values(annotation: Any) -> Any:
    """Return the type of a mapping's values; any other type as it is: keys are the owner's own in a schema."""
    origin = get_origin(annotation)
    return get_args(annotation)[1] if isinstance(origin, type) and issubclass(origin, Mapping) else annotation


def closed_sets(annotation: Any) -> set[type[Enum]]:
    return {part for part in parts(annotation) if isinstance(part, type) and issubclass(part, Enum)}


def test_the_result_of_the_initial_sync_is_typed() -> None:
    """Counts are numbers, and what there was not is absent."""
    attributes = {
        "RunId": "deploy-1",
        "Status": "partial",
        "Severity": "medium",
        "Scenario": "partial_failure",
        "Error": "none",
        "Succeeded": "40",
        "Skipped": "2",
        "Failed": "1",
    }
    assert result(attributes) == {
        "status": InitialSyncOutcome.PARTIAL,
        "succeeded": 40,
        "skipped": 2,
        "failed": 1,
        "run_id": "deploy-1",
        "scenario": RunScenario.PARTIAL_FAILURE,
        "severity": Severity.MEDIUM,
    }
    nothing = {**dict.fromkeys(attributes, "none"), "Status": "paused", "Succeeded": "0", "Skipped": "0", "Failed": "0"}
    assert result(nothing) == {"status": InitialSyncOutcome.PAUSED, "succeeded": 0, "skipped": 0, "failed": 0}


def test_every_outcome_of_an_initial_sync_is_published() -> None:
    """Those that a run ends with, and those of a deployment that did not wait for one; none that is passing."""
    ends = {RunStatus.COMPLETED, RunStatus.FAILED}
    assert {str(one) for one in (*ends, *InitialSyncStatus)} - {"running"} == {str(one) for one in InitialSyncOutcome}


def test_a_refusal_is_one_of_the_configuration() -> None:
    """Whoever catches mistakes of configuration catches those of arguments."""
    with pytest.raises(ConfigurationRefused, match=r"^deploymint: is not an argument here; allowed: contact_sync, dep"):
        settings({"deploymint": {}})
