"""The input of targets."""

import json

import pytest

from orgsync.sandbox.cloud.input_transformer import TransformFailed, target_input

EVENT = {
    "source": "aws.account",
    "detail-type": "X",
    "time": "2030-01-01T00:00:00Z",
    "detail": {"who": 'a "quoted" name', "requestParameters": {"accountId": "1"}, "list": [{"k": "v"}], "none": None},
}
RULE = "arn:aws:events:us-east-1:1:rule/r"


def transformed(template: str, **paths: str) -> str:
    return target_input({"InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}, EVENT, RULE)


def test_without_settings_the_event_goes_as_it_is() -> None:
    """A plain target gets the whole event."""
    assert json.loads(target_input({}, EVENT, RULE)) == EVENT


def test_a_constant_goes_instead_of_the_event() -> None:
    """`Input` wins over everything."""
    assert target_input({"Input": '{"a": 1}'}, EVENT, RULE) == '{"a": 1}'


def test_a_part_of_the_event_goes() -> None:
    """`InputPath` picks one value."""
    assert target_input({"InputPath": "$.detail.requestParameters"}, EVENT, RULE) == '{"accountId": "1"}'


def test_a_placeholder_is_a_value_outside_and_text_inside_quotes() -> None:
    """The same variable is JSON where it stands alone, and escaped text within a string."""
    made = json.loads(transformed('{"plain": <who>, "text": "by <who>", "whole": <all>}', who="$.detail.who", all="$"))
    assert made == {"plain": 'a "quoted" name', "text": 'by a "quoted" name', "whole": EVENT}


def test_a_path_that_leads_nowhere_is_an_empty_text_inside_quotes() -> None:
    """A missing key makes no variable; quoted placeholders keep the template JSON."""
    assert json.loads(transformed('{"a": "<gone>", "b": "<none.x>"}', gone="$.detail.no.such")) == {
        "a": "",
        "b": "<none.x>",
    }


def test_a_template_that_makes_no_json_fails() -> None:
    """Better no delivery than a broken one."""
    with pytest.raises(TransformFailed):
        transformed('{"a": <gone>}', gone="$.detail.no.such")


def test_a_path_in_another_syntax_is_refused() -> None:
    """Filters and wildcards are not EventBridge's."""
    with pytest.raises(TransformFailed, match=r"\$\.\.who"):
        transformed('{"a": <x>}', x="$..who")


def test_keys_with_hyphens_and_places_in_lists_are_found() -> None:
    """`$.detail-type` and `$.detail.list[0].k` are paths."""
    made = json.loads(transformed('{"t": <t>, "k": <k>}', t="$.detail-type", k="$.detail.list[0].k"))
    assert made == {"t": "X", "k": "v"}


def test_reserved_variables_name_the_rule() -> None:
    """AWS's own variables need no path."""
    assert json.loads(transformed('{"rule": "<aws.events.rule-name>"}')) == {"rule": "r"}
