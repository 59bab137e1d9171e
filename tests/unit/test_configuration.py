"""Strict documents: every mistake is refused with its path, in our own words, and names what is allowed."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgsync.components.contact_sync.deployment import Deployment
from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.shared.configuration import (
    ConfigurationRefused,
    StrictModel,
    canonical_json,
    read_json,
    read_yaml,
    validate,
    whole_numbers,
)
from tests.places import REQUIRED, Place, places

DOCUMENTS: Mapping[str, type[StrictModel]] = {"contact_sync": ContactSyncConfig, "deployment": Deployment}
PLACES: Mapping[str, Place] = {place.path: place for path, model in DOCUMENTS.items() for place in places(model, path)}
"""Every place of both documents, by its path."""

JSON_VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "integer": st.integers(-(10**6), 10**6),
    "number": st.floats(-1e6, 1e6).filter(lambda number: not number.is_integer()),
    "string": st.text("abc 0159_", max_size=12),
    "array": st.lists(st.integers(0, 9) | st.text("abc", max_size=3), max_size=2),
    "object": st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(0, 9), max_size=2),
}
"""Values of each JSON type. A whole number with a fraction of zero counts as an integer, as in JSON's schemas."""

PER_PLACE = settings(max_examples=10)
"""Of a law about each of a hundred places, ten examples a place are a thousand."""

FOREIGN = ("Input should", "Field required", "type=", "pydantic", "string_", "Value error", "input_value", "Traceback")
"""Words of pydantic and Python that no person should have to read."""

REGULAR_EXPRESSION = re.compile(r"\^\[|\\[dswDSWb]|\[\^|\(\?|[\])][+*{]|\.\*")
"""Sequences that only a regular expression has."""


def refusal(document: Any, path: str) -> str | None:
    """Return the message with which a document is refused; None where it is valid.

    Args:
        path: the document's, or a place's in it.
    """
    name = path.partition(".")[0]
    try:
        validate(DOCUMENTS[name], document, name)
    except ConfigurationRefused as error:
        return str(error)
    return None


def assert_plain(message: str) -> None:
    """Hold that a message has neither pydantic's words nor a regular expression in it."""
    assert [word for word in FOREIGN if word in message] == []
    assert not REGULAR_EXPRESSION.search(message), message
    assert "is not valid here" not in message, "a mistake that nobody explains"


def test_both_documents_are_walked_to_their_ends() -> None:
    """The laws below speak of every key: the walk meets all models of both documents."""
    assert set(REQUIRED) <= {model for place in PLACES.values() for model in place.models}
    for path in ("contact_sync.pacing.PutAlternateContact.rate", "deployment.memory.plan", "deployment.member_units.0"):
        assert path in PLACES


@pytest.mark.parametrize("path", sorted(PLACES))
@PER_PLACE
@given(data=st.data())
def test_a_value_of_a_wrong_type_is_refused_by_its_path(path: str, data: st.DataObject) -> None:
    """At every place each JSON type that it does not accept is refused, with its path and in plain words."""
    place = PLACES[path]
    for wrong in sorted(set(JSON_VALUES) - place.accepted):
        message = refusal(place.build(data.draw(JSON_VALUES[wrong], wrong)), path)
        assert message is not None
        assert any(line.startswith(f"{path}: ") for line in message.splitlines())
        assert_plain(message)


@pytest.mark.parametrize("path", sorted(PLACES))
@PER_PLACE
@given(data=st.data())
def test_a_value_of_a_right_type_is_taken_or_refused_in_plain_words(path: str, data: st.DataObject) -> None:
    """A useless text or a number beyond its bounds, if it is refused, is refused with a path in the document."""
    place = PLACES[path]
    values = st.one_of([JSON_VALUES[right] for right in sorted(place.accepted)])
    message = refusal(place.build(data.draw(values)), path)
    if message is not None:
        assert all(line.startswith(path.partition(".")[0]) for line in message.splitlines())
        assert_plain(message)


@pytest.mark.parametrize("path", sorted(path for path, place in PLACES.items() if place.models))
def test_an_unknown_key_names_the_allowed_ones(path: str) -> None:
    """At any depth a key that is none is refused by its path, with exactly the keys that may stand there."""
    place = PLACES[path]
    (model,) = place.models
    message = refusal(place.build({**REQUIRED.get(model, {}), "colour": "red"}), path)
    assert message == f"{path}.colour: is not a key here; allowed: {', '.join(sorted(model.model_fields))}"


@pytest.mark.parametrize("path", sorted(path for path, place in PLACES.items() if REQUIRED.keys() & {*place.models}))
def test_a_missing_key_is_named(path: str) -> None:
    """Each required key that is absent is named by its own path."""
    place = PLACES[path]
    (model,) = place.models
    required = [key for key, field in model.model_fields.items() if field.is_required()]
    assert set(required) == set(REQUIRED[model])
    assert refusal(place.build({}), path) == "\n".join(f"{path}.{key}: is missing" for key in required)


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ({"receipt_retention_days": "90"}, "deployment.receipt_retention_days: must be a whole number"),
        ({"log_retention_days": "90"}, "deployment.log_retention_days: must be a whole number"),
        ({"log_retention_days": 91}, "deployment.log_retention_days: CloudWatch Logs keeps one of 1, 3, "),
        ({"protect": "no"}, "deployment.protect: must be true or false"),
        ({"protect": 0}, "deployment.protect: must be true or false"),
        ({"tracing": 1}, "deployment.tracing: must be true or false"),
        ({"memory": {"plan": "512"}}, "deployment.memory.plan: must be a whole number"),
        ({"memory": {"plan": 512.5}}, "deployment.memory.plan: must be a whole number"),
        ({"memory": {"plan": 64}}, "deployment.memory.plan: must be at least 128"),
        ({"throttles_tolerated": True}, "deployment.throttles_tolerated: must be a whole number"),
        ({"log_level": "info"}, "deployment.log_level: must be DEBUG, INFO, WARNING or ERROR"),
        (
            {"initial_sync": {"fail_on": "low"}},
            "deployment.initial_sync.fail_on: must be never, failed, high or medium",
        ),
        ({"member_units": ["ou-ab12-34cd56ef"] * 2}, "deployment.member_units: name each unit once"),
        ({"member_units": ["/Sandbox"]}, "deployment.member_units.0: must be a unit's id such as ou-ab12-34cd56ef"),
        ({"initial_sync": True}, "deployment.initial_sync: must be a mapping"),
    ],
)
def test_a_deployment_is_as_strict_as_a_configuration(document: dict[str, Any], line: str) -> None:
    """Text is no number and no truth, a number is no truth, and every bound is said."""
    message = refusal(document, "deployment")
    assert message is not None
    assert message.startswith(line)
    assert len(message.splitlines()) == 1


@given(
    numbers=st.dictionaries(st.sampled_from(["receipt_retention_days", "throttles_tolerated"]), st.integers(1, 3653))
)
def test_a_whole_number_may_come_as_a_float(numbers: dict[str, int]) -> None:
    """Pulumi's engine hands all numbers on as floats: 90.0 is the number 90, and 90.5 is none."""
    floats = {key: float(number) for key, number in numbers.items()}
    assert validate(Deployment, floats) == validate(Deployment, numbers)
    halves = {key: number + 0.5 for key, number in numbers.items()}
    message = refusal(halves, "deployment")
    assert (message or "").splitlines() == [f"deployment.{key}: must be a whole number" for key in sorted(numbers)]


@pytest.mark.parametrize("key", [True, 1, 1.5, None, ("a",)])
def test_a_key_that_is_no_text_is_refused_by_its_path(key: object) -> None:
    """Of `on: x` YAML makes the key true, of which JSON would make "true": an exclusion by the tag `on` was lost."""
    message = refusal({"excluded_tags": {"team": "web", key: "x"}}, "contact_sync")
    assert message is not None
    assert message.startswith("contact_sync")
    assert read_yaml("on: x") == {True: "x"}
    assert "must be text" in message or "use text, numbers, lists and mappings only" in message


def test_a_document_that_contains_itself_is_refused() -> None:
    """An alias inside its own anchor has no end: it is refused, and does not end the command."""
    for text in ("contact_types: &a [*a]", "retry_config: &a {max_attempts: *a}", f"schedule: {'[' * 200}{']' * 200}"):
        message = refusal(read_yaml(text), "contact_sync")
        assert message is not None
        assert message.startswith("contact_sync")
        assert_plain(message)


@given(
    document=st.recursive(
        st.floats() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_equal_documents_are_one_text(document: Any) -> None:
    """The canonical text is the same for 1 and 1.0 and in whatever order keys come, and survives a second writing."""
    text = canonical_json(document)
    assert canonical_json(whole_numbers(document)) == text
    assert canonical_json(_reversed(document)) == text
    assert canonical_json(_as_floats(document)) == text


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(item) for item in value] if isinstance(value, list) else value


def _as_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_floats(item) for item in value]
    # Beyond 2**53 a float is another number.
    return float(value) if isinstance(value, int) and abs(value) < 2**53 else value


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\na: 2\n", "line 2, column 1"),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", "line 4, column 3"),
        ("- x\n- {b: 1, 'b': 2}\n", "line 2, column 10"),
        ('1: x\n"1": y\n', "line 2, column 1"),
    ],
)
def test_a_doubled_key_in_yaml_is_refused_with_its_line(text: str, place: str) -> None:
    """YAML's own reader keeps the last of two equal keys: here they are refused in any mapping, with their place."""
    with pytest.raises(ConfigurationRefused, match=rf"^is not readable YAML: the key '.' stands twice.*, in {place}$"):
        read_yaml(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": 1, "a": 2}', "the document"),
        ('{"x": {"a": 1, "b": 0, "a": 1}}', "x"),
        ('{"x": [0, {"y": {"a": 1, "a": 2}}]}', r"x\.1\.y"),
        ('[{"b": 1}, {"a": {}, "a": {}}]', "1"),
    ],
)
def test_a_doubled_key_in_json_is_refused_with_its_path(text: str, place: str) -> None:
    """JSON's own reader keeps the last of two equal keys: here they are refused in any mapping, with its path."""
    with pytest.raises(ConfigurationRefused, match=rf"^is not readable JSON: the key 'a' stands twice.*, in {place}$"):
        read_json(text)


@pytest.mark.parametrize(
    "text", ["a: [canary", "a: canary: canary", "a: *canary_\nb: canary", "canary: 1\n\tb: canary"]
)
def test_unreadable_yaml_shows_the_place_and_no_value(text: str) -> None:
    """A line of the document may hold a contact or a password: the message and its chain do not repeat it."""
    with pytest.raises(ConfigurationRefused, match=r"^is not readable YAML: .* line \d+, column \d+$") as refused:
        read_yaml(text)
    assert "canary " not in str(refused.value)
    assert "canary:" not in str(refused.value)
    assert (refused.value.__cause__, refused.value.__context__) == (None, None)


@pytest.mark.parametrize("text", ["{", '{"a": canary}', "", "[1, 2", '{"a": "canary\n"}'])
def test_unreadable_json_shows_the_place_and_no_value(text: str) -> None:
    """JSON's own error carries the text: the message and its chain do not."""
    with pytest.raises(ConfigurationRefused, match=r"^is not readable JSON: .*line \d+ column \d+") as refused:
        read_json(text)
    assert "canary" not in str(refused.value)
    assert (refused.value.__cause__, refused.value.__context__) == (None, None)


@pytest.mark.parametrize("read", [read_yaml, read_json])
def test_a_document_without_an_end_is_refused(read: Any) -> None:
    """Thousands of nested lists exceed what can be read: a refusal, and no crash."""
    with pytest.raises(ConfigurationRefused, match=r"^is not readable "):
        read("[" * 20_000)


def test_dates_stay_text_and_merged_keys_are_no_doubled_ones() -> None:
    """YAML is read as JSON would be understood; a key that overrides a merged one stands once."""
    assert read_yaml("a: 2026-01-01") == {"a": "2026-01-01"}
    assert read_yaml("a: &x {c: 1, d: 1}\nb: {<<: *x, c: 2}")["b"] == {"c": 2, "d": 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(document=JSON)
def test_a_document_in_which_each_key_stands_once_is_read_as_it_is(document: Any) -> None:
    """Strictness changes nothing of a document that is right."""
    assert read_json(json.dumps(document)) == document


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
@given(document=JSON)
def test_any_document_is_valid_or_refused_in_plain_words(name: str, document: Any) -> None:
    """Validation of any content of a stack file ends with a model or with a refusal, never otherwise."""
    message = refusal(document, name)
    assert message is None or message.startswith(name)
