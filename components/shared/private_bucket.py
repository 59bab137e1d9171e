"""A bucket as every one here is: private, TLS only, under the system's key, and what it is meant to forget expires."""

import pulumi
import pulumi_aws as aws


class PrivateBucket(pulumi.ComponentResource):
    """A bucket with all that keeps it private.

    Args:
        physical: its name, shared with all of AWS.
        policy: the bucket's policy, TLS only and whom else it lets in.
        days: after which an object is gone.
        expiring: beginning of the keys that expire; all of them by default.
        versioned: whether former versions of an object stay readable; those of keys that expire are gone a day later.
        protect: whether it, and what is in it, must outlast a mistaken destroy.
        bucket_key: whether S3 asks for a key once for many objects; not every service writes to such a bucket.
    """

    bucket: aws.s3.Bucket

    def __init__(
        self,
        name: str,
        physical: str,
        *,
        key: pulumi.Input[str],
        policy: str,
        days: int,
        protect: bool,
        expiring: str = "",
        versioned: bool = False,
        bucket_key: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:shared:PrivateBucket", name, None, opts)
        self.bucket = aws.s3.Bucket(
            name,
            bucket=physical,
            force_destroy=not protect,
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )
        below = pulumi.ResourceOptions(parent=self)
        private = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=self.bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=below,
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=self.bucket.id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key},
                    "bucket_key_enabled": bucket_key,
                }
            ],
            opts=below,
        )
        versions: list[pulumi.Resource] = []
        if versioned:
            versions.append(
                aws.s3.BucketVersioning(
                    name, bucket=self.bucket.id, versioning_configuration={"status": "Enabled"}, opts=below
                )
            )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=self.bucket.id,
            rules=[
                {
                    "id": "expire",
                    "status": "Enabled",
                    "filter": {"prefix": expiring},
                    "expiration": {"days": days},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
                    # Of a versioned object, expiry alone would hide the newest version and keep it for ever.
                    "noncurrent_version_expiration": {"noncurrent_days": 1} if versioned else None,
                }
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=versions),
        )
        aws.s3.BucketPolicy(
            name,
            bucket=self.bucket.id,
            policy=policy,
            # S3 refuses two changes of a bucket's access at once.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[private]),
        )
        self.register_outputs({})
