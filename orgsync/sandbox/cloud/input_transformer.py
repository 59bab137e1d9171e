"""The input of a target: a whole event, a part of it, a constant, or a template filled from it.

Pure. AWS's rules [doc]: a placeholder stands for a JSON value, inside quotes for its text; a path
that is not in the event makes no variable. That text is escaped and that a missing value is an empty
text inside quotes is [inferred]; a template that comes out as no JSON fails the delivery.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_MISSING = object()
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.\-]+)>")


class TransformFailed(ValueError):
    """An input that cannot be made from this event."""


def target_input(target: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str) -> str:
    """Make the JSON text that a rule's target gets for an event.

    Raises:
        TransformFailed: a path in another syntax, or a result that is not JSON.
    """
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath"):
        part = _at(event, target["InputPath"])
        if part is _MISSING:
            raise TransformFailed(f"InputPath {target['InputPath']} leads nowhere in this event")
        return json.dumps(part)
    transformer = target.get("InputTransformer")
    if not transformer:
        return json.dumps(event)
    values = {name: _at(event, path) for name, path in transformer.get("InputPathsMap", {}).items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rsplit("/", 1)[-1],
        "aws.events.event.ingestion-time": event["time"],
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        "aws.events.event.json": event,
    }
    text = fill(transformer["InputTemplate"], values)
    try:
        json.loads(text)
    except ValueError as error:
        raise TransformFailed(f"the input template makes no JSON of this event: {error}") from error
    return text


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Fill a template: every `<name>` of `values` becomes JSON or, inside quotes, text."""
    filled, position, quoted = [], 0, False
    while position < len(template):
        found = _PLACEHOLDER.match(template, position)
        if found and found[1] in values:
            filled.append(_as_text(values[found[1]]) if quoted else _as_json(values[found[1]]))
            position = found.end()
            continue
        if quoted and template[position] == "\\":
            filled.append(template[position : position + 2])
            position += 2
            continue
        quoted ^= template[position] == '"'
        filled.append(template[position])
        position += 1
    return "".join(filled)


def _as_json(value: Any) -> str:
    return "" if value is _MISSING else json.dumps(value)


def _as_text(value: Any) -> str:
    if value is _MISSING:
        return ""
    return json.dumps(value if isinstance(value, str) else json.dumps(value))[1:-1]


def _at(event: Mapping[str, Any], path: str) -> Any:
    """Read the value at `$.detail.some-key.list[0]`, the part of JSONPath that EventBridge has."""
    if not re.fullmatch(r"\$(\.[\w\-]+(\[\d+\])*)*", path):
        raise TransformFailed(f"the path {path} is not of the form $.detail.key[0]")
    value: Any = event
    for step in re.findall(r"[\w\-]+", path):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _MISSING
    return value
