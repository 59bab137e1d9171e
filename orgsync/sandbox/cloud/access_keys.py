"""Access keys and the identities that they belong to, as CloudTrail and STS name them."""

import hashlib
from collections.abc import Callable
from threading import Lock

from moto.core.utils import utcnow
from moto.iam.models import get_account_id_from
from moto.sts.models import STSBackend, sts_backends

from orgsync.sandbox.cloud.patches import Patches
from orgsync.sandbox.model.account import CallerIdentity

SECRET = "sandbox"
"""The secret key of every identity: the sandbox checks no signatures."""


class AccessKeys:
    """Access keys handed out so far; the same caller always has the same key."""

    def __init__(self, management: str) -> None:
        self.management = management
        self._by_key: dict[str, CallerIdentity] = {}
        self._lock = Lock()

    def key_for(self, caller: CallerIdentity) -> str:
        """Make the access key id of a caller: 20 capitals and digits, as moto requires."""
        digest = hashlib.sha256(repr(caller).encode()).hexdigest().upper()
        key = "ASIA" + digest[:16]
        with self._lock:
            self._by_key[key] = caller
        return key

    def identity_of(self, key: str | None) -> CallerIdentity:
        """Find the identity of an access key; a request without one (a presigned URL) is the management account's."""
        if key is None:
            return CallerIdentity(self.management, f"arn:aws:iam::{self.management}:root")
        with self._lock:
            known = self._by_key.get(key)
        return known or self._made_by_moto(key)

    def install(self, patches: Patches) -> None:
        """Make GetCallerIdentity answer with the identities known here; moto knows only those it has made."""

        def get_caller_identity(
            original: Callable[..., tuple[str, str, str]], backend: STSBackend, access_key_id: str, region: str
        ) -> tuple[str, str, str]:
            with self._lock:
                known = self._by_key.get(access_key_id)
            if known is None:
                return original(backend, access_key_id, region)
            return f"AROASANDBOX:{known.arn.rsplit('/', 1)[-1]}", known.arn, known.account

        patches.wrap(STSBackend, "get_caller_identity", get_caller_identity)

    def _made_by_moto(self, key: str) -> CallerIdentity:
        """Find the identity of credentials that moto's IAM or STS issued, such as those of AssumeRole."""
        for account, partitions in list(sts_backends.items()):
            for backend in list(partitions.values()):
                role = backend.get_assumed_role_from_access_key(key)
                if role and role.expiration > utcnow():
                    return CallerIdentity(account, role.arn)
        account = get_account_id_from(key)
        account = account if account != "123456789012" else self.management
        return CallerIdentity(account, f"arn:aws:iam::{account}:user/{key}")


def assumed_role(account: str, role_arn: str, session: str) -> CallerIdentity:
    """Make the identity of an assumed role; STS leaves the role's path out of the ARN."""
    return CallerIdentity(account, f"arn:aws:sts::{account}:assumed-role/{role_arn.rsplit('/', 1)[-1]}/{session}")
