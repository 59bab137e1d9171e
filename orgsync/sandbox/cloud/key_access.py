"""Access to KMS keys: whoever writes into an encrypted place needs that place's key.

moto encrypts without asking anybody.
"""

from collections.abc import Callable, Mapping
from typing import Any

from moto.cloudtrail.models import Trail
from moto.core.exceptions import JsonRESTError
from moto.kms.models import kms_backends

from orgsync.sandbox.cloud import resource_policy
from orgsync.sandbox.cloud.patches import Patches

USE = ("kms:GenerateDataKey", "kms:Decrypt")
"""The actions that a service needs which puts messages into an encrypted queue or topic."""


def key_refusal(
    key: str | None, owner: str, region: str, principal: str, context: Mapping[str, str], actions: tuple[str, ...] = USE
) -> str | None:
    """Give the reason why a principal may not use the key of a queue, a topic or a log group; None if it may.

    Args:
        key: an ARN, an id or an alias; None or empty for no encryption with a key.
        owner: the account of the encrypted place.
        principal: a service (`events.amazonaws.com`) or an account id, whose roles then need rights of their own.
        context: the condition keys of the request.
    """
    if not key:
        return None
    if "alias/aws/" in key:
        # [doc] The policies of AWS's own keys cannot be changed, and let in this account's identities only.
        return None if principal == owner else f"the key {key} is AWS's own and does not let {principal} in"
    found = _find(key, owner, region)
    if found is None:
        return f"there is no key {key}"
    if found.key_state != "Enabled" or not found.enabled:
        return f"the key {key} is {found.key_state}"
    for action in actions:
        if not resource_policy.allows(found.policy, principal, action, context):
            return f"the policy of the key {key} does not allow {principal} to do {action}"
    return None


def install(patches: Patches) -> None:
    """Patch moto so that a trail asks its key."""
    patches.wrap(Trail, "check_bucket_exists", _check_trail)


def _check_trail(original: Callable[..., None], trail: Any) -> None:
    """Refuse a trail whose key CloudTrail may not look at, or not use for that trail."""
    original(trail)
    context = {"aws:SourceArn": trail.arn, "aws:SourceAccount": trail.account_id}
    encrypting = {**context, "kms:EncryptionContext:aws:cloudtrail:arn": trail.arn}
    for action, known in (("kms:GenerateDataKey", encrypting), ("kms:DescribeKey", context)):
        refusal = key_refusal(
            trail.kms_key_id, trail.account_id, trail.region_name, "cloudtrail.amazonaws.com", known, (action,)
        )
        if refusal:
            raise JsonRESTError("InsufficientEncryptionPolicyException", refusal)


def _find(key: str, owner: str, region: str) -> Any:
    if key.startswith("arn:"):
        _, _, _, region, owner, key = key.split(":", 5)
    backend = kms_backends[owner][region]
    name = key.removeprefix("key/")
    if name in backend.keys:
        return backend.keys[name]
    aliased = (held for held in backend.keys.values() if name in held.aliases)
    return next(aliased, None)
