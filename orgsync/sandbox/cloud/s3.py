"""S3 with a bucket policy's one common condition: moto matches statements and passes conditions over.

A bucket that refuses everything without TLS would refuse everything. Loopback stands for TLS here.
"""

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket

from orgsync.sandbox.cloud.patches import Patches
from orgsync.sandbox.errors import UnknownOperation

WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}


def install(patches: Patches) -> None:
    """Patch moto to evaluate a bucket's policy without the statements about requests without TLS."""

    def get_permission(bucket: Any, action: str, resource: str) -> Any:
        document = json.loads(bucket.policy or '{"Statement": []}')
        statements = [found for found in document["Statement"] if found.get("Condition") != WITHOUT_TLS]
        for statement in statements:
            if statement.get("Condition"):
                raise UnknownOperation(f"s3 bucket policy: the condition {statement['Condition']} is not emulated")
        if not statements:
            return PermissionResult.NEUTRAL
        return IAMPolicy(json.dumps({**document, "Statement": statements})).is_action_permitted(action, resource)

    patches.replace(FakeBucket, "get_permission", get_permission)
