"""CloudFormation templates: reading, and evaluation of their functions. Pure.

An unknown function or part of a template is refused by its name.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from orgsync.sandbox.errors import StackError

_SHORT = {"Ref": "Ref", "Sub": "Fn::Sub", "GetAtt": "Fn::GetAtt", "Join": "Fn::Join"}


@dataclass(frozen=True)
class Template:
    """The parts of a template that matter here."""

    resources: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms such as `!Ref`."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if suffix not in _SHORT:
        raise StackError(f"template: !{suffix} is not emulated; known: {', '.join('!' + name for name in _SHORT)}")
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {_SHORT[suffix]: value.split(".", 1) if suffix == "GetAtt" else value}
    assert isinstance(node, yaml.SequenceNode)
    return {_SHORT[suffix]: loader.construct_sequence(node, deep=True)}


_Loader.add_multi_constructor("!", _short_form)


def parse(text: str) -> Template:
    """Read a template of custom resources.

    Raises:
        StackError: it is no template, or has a resource that is not a custom resource.
    """
    template = read(text)
    for name, resource in template.resources.items():
        if not re.match(r"Custom::|AWS::CloudFormation::CustomResource$", str(resource.get("Type"))):
            raise StackError(f"template: {name} is a {resource.get('Type')}; the sandbox knows custom resources only")
        if "ServiceToken" not in resource.get("Properties", {}):
            raise StackError(f"template: {name} has no ServiceToken")
    return template


def read(text: str) -> Template:
    """Read a template in JSON or YAML, whatever its resources are.

    Raises:
        StackError: it is no template.
    """
    try:
        document = yaml.load(text, Loader=_Loader)  # only adds CloudFormation's tags to the safe loader
    except yaml.YAMLError as error:
        raise StackError(f"template: is neither JSON nor YAML: {error}") from error
    if not isinstance(document, dict) or not document.get("Resources"):
        raise StackError("template: must have Resources")
    unknown = sorted(
        set(document) - {"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Resources", "Outputs"}
    )
    if unknown:
        raise StackError(f"template: {unknown[0]} is not emulated")
    return Template(document["Resources"], document.get("Parameters", {}), document.get("Outputs", {}))


def parameters_of(template: Template, given: Mapping[str, str]) -> dict[str, str]:
    """Give the parameters' values: given ones, or defaults.

    Raises:
        StackError: one is missing, or not in the template.
    """
    unknown = sorted(set(given) - set(template.parameters))
    if unknown:
        raise StackError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    values = {name: given.get(name, declared.get("Default")) for name, declared in template.parameters.items()}
    missing = sorted(name for name, value in values.items() if value is None)
    if missing:
        raise StackError(f"Parameters: [{', '.join(missing)}] must have values")
    return {name: str(value) for name, value in values.items()}


def resolve(node: Any, ref: Callable[[str], Any], attribute: Callable[[str, str], Any]) -> Any:
    """Evaluate Ref, Fn::GetAtt, Fn::Sub and Fn::Join in a template's value.

    Raises:
        StackError: for any other function, or a name that does not exist.
    """
    if isinstance(node, list):
        return [resolve(part, ref, attribute) for part in node]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        name, value = next(iter(node.items()))
        if name == "Ref":
            return ref(value)
        if name == "Fn::GetAtt":
            resource, path = value.split(".", 1) if isinstance(value, str) else value
            return attribute(resource, path)
        if name == "Fn::Sub":
            return _substitute(value, ref, attribute)
        if name == "Fn::Join":
            separator, parts = value
            return str(separator).join(str(resolve(part, ref, attribute)) for part in parts)
        if name.startswith("Fn::"):
            raise StackError(f"template: {name} is not emulated")
    return {key: resolve(value, ref, attribute) for key, value in node.items()}


def as_text(node: Any) -> Any:
    """Convert properties for a custom resource: CloudFormation turns every number and truth value into text."""
    if isinstance(node, dict):
        return {key: as_text(value) for key, value in node.items()}
    if isinstance(node, list):
        return [as_text(value) for value in node]
    if isinstance(node, bool):
        return json.dumps(node)
    return node if node is None or isinstance(node, str) else str(node)


def _substitute(value: Any, ref: Callable[[str], Any], attribute: Callable[[str, str], Any]) -> str:
    text, own = (value, {}) if isinstance(value, str) else value

    def filled(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith("!"):
            return "${" + name[1:] + "}"
        if name in own:
            return str(resolve(own[name], ref, attribute))
        resource, dot, path = name.partition(".")
        return str(attribute(resource, path) if dot else ref(name))

    return re.sub(r"\$\{([^}]+)\}", filled, text)
