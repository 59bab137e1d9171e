"""Resource policies: a service of AWS without permission is refused here as it would be at AWS.

Pure, and only the part of IAM that deliveries need: principals, actions, and conditions
on the source. A condition that is not known here does not hold.
"""

import fnmatch
import json
from collections.abc import Mapping
from typing import Any

_TESTS = {
    "StringEquals": lambda have, want: have == want,
    "StringLike": fnmatch.fnmatchcase,
    "ArnEquals": fnmatch.fnmatchcase,
    "ArnLike": fnmatch.fnmatchcase,
}


def allows(policy: Any, principal: str, action: str, context: Mapping[str, str], resource: str = "") -> bool:
    """Return whether a policy document (or its JSON text) allows `principal` to do `action`.

    Args:
        principal: a service (`events.amazonaws.com`) or an account id.
        context: condition keys such as `aws:SourceArn`, compared without regard to case.
        resource: the ARN that a statement's `Resource` must cover; none where the policy speaks of one thing only.
    """
    document = json.loads(policy) if isinstance(policy, str) else policy or {}
    matching = [
        statement["Effect"]
        for statement in _listed(document.get("Statement"))
        if _names(statement.get("Principal"), principal)
        and any(fnmatch.fnmatchcase(action.lower(), known.lower()) for known in _listed(statement.get("Action")))
        and _covers(statement.get("Resource"), resource)
        and _holds(statement.get("Condition") or {}, context)
    ]
    return "Allow" in matching and "Deny" not in matching


def _covers(resources: Any, resource: str) -> bool:
    return not resource or not resources or any(fnmatch.fnmatchcase(resource, known) for known in _listed(resources))


def _names(principals: Any, principal: str) -> bool:
    if principals == "*":
        return True
    named = [name for kind in ("Service", "AWS") for name in _listed((principals or {}).get(kind))]
    return any(name in ("*", principal) or f"::{principal}:root" in name for name in named)


def _holds(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    known = {key.lower(): value for key, value in context.items()}
    return all(
        _passes(test, known.get(key.lower()), values)
        for test, keys in conditions.items()
        for key, values in keys.items()
    )


def _passes(test: str, have: str | None, values: Any) -> bool:
    for_all = test.startswith("ForAllValues:")
    test = test.removeprefix("ForAllValues:")
    if have is None and for_all and test in _TESTS:
        return True  # of no value at all, everything holds
    return test in _TESTS and any(_TESTS[test](have or "", value) for value in _listed(values))


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
