"""Amazon States Language: definitions that moto rejects without need, and features that it ignores."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from moto.stepfunctions.parser.api import InvalidDefinition
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from orgsync.sandbox.cloud.patches import Patches

_WHOLE_PERCENTAGE = re.compile(r'("ToleratedFailurePercentage"\s*:\s*\d+)(?![\d.])')


def install(patches: Patches) -> None:
    """Patch moto to check every definition first, and to read whole percentages."""
    patches.wrap_static(AmazonStateLanguageParser, "parse", _parse)
    patches.wrap_static(StepFunctionsParserBackend, "_validate_definition", _validate)


def _parse(original: Callable[[str], Any], definition: str) -> Any:
    """Write `50.0` for `50`, which moto's grammar does not accept."""
    return original(_WHOLE_PERCENTAGE.sub(r"\1.0", definition))


def _validate(original: Callable[[str], None], definition: str) -> None:
    lacking = sorted(set(_unsupported_features(json.loads(definition))))
    if lacking:
        raise InvalidDefinition(message=f"The sandbox cannot run: {'; '.join(lacking)}")
    original(definition)


def _unsupported_features(node: Any) -> Iterator[str]:
    """Yield the features that moto would ignore or get wrong silently."""
    if isinstance(node, list):
        for part in node:
            yield from _unsupported_features(part)
    if not isinstance(node, dict):
        return
    if "ItemProcessor" in node and node["ItemProcessor"].get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED":
        config = node["ItemProcessor"]["ProcessorConfig"]
        if config.get("ExecutionType") != "STANDARD":
            yield "a Distributed Map whose children are not STANDARD"
        if "ItemBatcher" in node:
            yield "ItemBatcher of a Distributed Map"
        if node.get("ItemReader", {}).get("ReaderConfig", {}).get("InputType") not in (None, "JSON", "CSV"):
            yield "an ItemReader of other than JSON or CSV"
        if any(key.endswith("Path") and key.startswith("Tolerated") for key in node):
            yield "a tolerated failure threshold that is read from the input"
    for part in node.values():
        yield from _unsupported_features(part)
