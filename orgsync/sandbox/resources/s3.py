"""S3 buckets, and what is set on them: each setting is a resource of its own."""

from typing import Any

from orgsync.sandbox.resources.api import ApiResource
from orgsync.sandbox.resources.context import ProviderContext
from orgsync.sandbox.resources.resource import Naming
from orgsync.sandbox.resources.shapes import value_at
from orgsync.sandbox.resources.values import Properties


class BucketResource(ApiResource):
    token = "aws:s3/bucket:Bucket"
    service = "s3"
    creates, reads, deletes = "CreateBucket", "GetBucketLocation", "DeleteBucket"
    id_from = "{bucket}"
    keys = {"bucket": "Bucket"}
    rename = {"objectLockEnabled": "ObjectLockEnabledForBucket"}
    handled = frozenset({"forceDestroy"})
    computed = frozenset({"arn", "bucketDomainName", "bucketRegion", "bucketRegionalDomainName"})
    replace_on = frozenset({"bucket", "objectLockEnabled", "region"})
    identity = ("bucket",)
    naming = Naming("bucket", longest=63, lower=True)
    taggable = True

    def arrange(self, inputs: Properties) -> Properties:
        # us-east-1 is the one region that must not be named.
        if inputs["region"] == "us-east-1":
            return inputs
        return {**inputs, "createBucketConfiguration": {"locationConstraint": inputs["region"]}}

    def actual(self, state: Properties, found: Any) -> Properties:
        return {}

    def derive(self, id: str, state: Properties, found: Any, context: ProviderContext) -> Properties:
        return {
            "arn": f"arn:{context.partition}:s3:::{id}",
            "bucketRegion": state["region"],
            "bucketDomainName": f"{id}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{id}.s3.{state['region']}.amazonaws.com",
        }

    def settle(self, id: str, old: Properties | None, inputs: Properties, context: ProviderContext) -> None:
        tags = inputs.get("tagsAll", {})
        if tags and tags != (old or {}).get("tagsAll"):
            tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
            self.call("PutBucketTagging", {"Bucket": id, "Tagging": {"TagSet": tag_set}}, inputs, context)
        elif not tags and (old or {}).get("tagsAll"):
            self.call("DeleteBucketTagging", {"Bucket": id}, inputs, context)

    def delete(self, id: str, state: Properties, context: ProviderContext) -> None:
        if state.get("forceDestroy") and self.read(id, state, context):
            _delete_versions(id, "", state["region"], context)
        super().delete(id, state, context)


def _delete_versions(bucket: str, prefix: str, region: str, context: ProviderContext) -> None:
    client = context.client("s3", region)
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            client.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])


class BucketObjectResource(ApiResource):
    """An object; another content is another version of it, in a bucket that has versions."""

    token = "aws:s3/bucketObjectv2:BucketObjectv2"
    service = "s3"
    creates, reads, updates = "PutObject", "HeadObject", "PutObject"
    id_from = "{bucket}/{key}"
    keys = {"bucket": "Bucket", "key": "Key"}
    rename = {"content": "Body", "kmsKeyId": "SSEKMSKeyId"}
    outputs = {"versionId": "VersionId"}
    volatile = frozenset(outputs)
    replace_on = frozenset({"bucket", "key", "region"})
    identity = ("bucket", "key")

    def delete(self, id: str, state: Properties, context: ProviderContext) -> None:
        """Delete every version of it, as the provider does."""
        _delete_versions(state["bucket"], state["key"], state["region"], context)


class _BucketSetting(ApiResource):
    """Something put on a bucket: `inside` says where its properties go in the request."""

    service = "s3"
    id_from = "{bucket}"
    keys = {"bucket": "Bucket"}
    replace_on = frozenset({"bucket", "region"})
    identity = ("bucket",)
    inside = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.inside:
            cls.rename = {name: f"{cls.inside}.{cls.rename.get(name, name)}" for name in cls.handled} | {
                path: name for path, name in cls.rename.items() if "." in path
            }
        cls.updates = cls.creates

    def actual(self, state: Properties, found: Any) -> Properties:
        inside = self.inside.partition(".")[0]
        inner = value_at(found, inside)
        return super().actual(state, found if inner is None else {inside: inner})


class BucketPublicAccessBlockResource(_BucketSetting):
    token = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    creates, reads, deletes = "PutPublicAccessBlock", "GetPublicAccessBlock", "DeletePublicAccessBlock"
    inside = "PublicAccessBlockConfiguration"
    handled = frozenset({"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"})
    held = frozenset({"skipDestroy"})


class BucketPolicyResource(_BucketSetting):
    token = "aws:s3/bucketPolicy:BucketPolicy"
    creates, reads, deletes = "PutBucketPolicy", "GetBucketPolicy", "DeleteBucketPolicy"


class BucketLifecycleResource(_BucketSetting):
    token = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    creates, reads = "PutBucketLifecycleConfiguration", "GetBucketLifecycleConfiguration"
    deletes = "DeleteBucketLifecycle"
    inside = "LifecycleConfiguration"
    handled = frozenset({"rules"})
    held = frozenset({"timeouts"})


class BucketEncryptionResource(_BucketSetting):
    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    creates, reads, deletes = "PutBucketEncryption", "GetBucketEncryption", "DeleteBucketEncryption"
    inside = "ServerSideEncryptionConfiguration"
    handled = frozenset({"rules"})
    rename = {"rules.applyServerSideEncryptionByDefault.kmsMasterKeyId": "KMSMasterKeyID"}


class BucketOwnershipControlsResource(_BucketSetting):
    token = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    creates, reads = "PutBucketOwnershipControls", "GetBucketOwnershipControls"
    deletes = "DeleteBucketOwnershipControls"
    inside = "OwnershipControls"
    handled = frozenset({"rule"})
    rename = {"rule": "rules"}


class BucketVersioningResource(_BucketSetting):
    token = "aws:s3/bucketVersioning:BucketVersioning"
    creates, reads = "PutBucketVersioning", "GetBucketVersioning"
    held = frozenset({"mfa"})

    def delete(self, id: str, state: Properties, context: ProviderContext) -> None:
        """Versioning cannot be taken away again, only suspended."""
        suspended = {"Bucket": id, "VersioningConfiguration": {"Status": "Suspended"}}
        self.call("PutBucketVersioning", suspended, state, context)


RESOURCES = (
    BucketResource(),
    BucketObjectResource(),
    BucketPublicAccessBlockResource(),
    BucketPolicyResource(),
    BucketLifecycleResource(),
    BucketEncryptionResource(),
    BucketOwnershipControlsResource(),
    BucketVersioningResource(),
)
