"""The Account Management API as `Contacts`."""

import asyncio
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.errors import ContactNotFound, contact_errors
from orgsync.contact_sync.names import Kind
from orgsync.shared import aws
from orgsync.shared.errors import CallError

_OPERATIONS = 5


class AccountContacts:
    """Reads and writes contacts with the management account's credentials.

    boto3 blocks, so every call goes to a thread. Each operation has threads of its own, as many as calls of it are let
    through at once: one that AWS leaves unanswered holds up no other, and a call that was let through is sent.
    """

    def __init__(self, management: str) -> None:
        self._management = management
        self._threads: dict[str, ThreadPoolExecutor] = {}

    @cached_property
    def _client(self) -> Any:
        return aws.client("account", aws.COUNTED.merge(Config(max_pool_connections=_OPERATIONS * aws.CONNECTIONS)))

    async def read(self, account: str | None, kind: Kind) -> Contact | None:
        """See `Contacts.read`."""
        whose: dict[str, Any] = {} if account is None else self._member(account)
        try:
            if kind is Kind.PRIMARY:
                answer = await self._call(self._client.get_contact_information, account, whose)
                return Contact.of(kind, answer["ContactInformation"])
            alternate = {"AlternateContactType": kind.upper()}
            answer = await self._call(self._client.get_alternate_contact, account, whose | alternate)
            return Contact.of(kind, answer["AlternateContact"])
        except ContactNotFound:
            # No such contact is an answer; only a member without a primary one cannot be.
            if kind is Kind.PRIMARY and account is not None:
                raise
            return None

    async def write(self, account: str, contact: Contact) -> None:
        """See `Contacts.write`."""
        whose = self._member(account)
        if contact.kind is Kind.PRIMARY:
            document: dict[str, Any] = {"ContactInformation": dict(contact.fields)}
            await self._call(self._client.put_contact_information, account, whose | document)
        else:
            document = {"AlternateContactType": contact.kind.upper(), **contact.fields}
            await self._call(self._client.put_alternate_contact, account, whose | document)

    async def delete(self, account: str, kind: Kind) -> None:
        """See `Contacts.delete`."""
        if kind is Kind.PRIMARY:
            raise ValueError("the primary contact cannot be deleted")
        try:
            alternate = {"AlternateContactType": kind.upper()}
            await self._call(self._client.delete_alternate_contact, account, self._member(account) | alternate)
        except ContactNotFound:
            return

    def _member(self, account: str) -> dict[str, Any]:
        # Left out or blank, AccountId silently means the caller, and the caller is the source.
        if not re.fullmatch(r"[0-9]{12}", account) or account == self._management:
            raise ValueError(f"{account!r} is no member account")
        return {"AccountId": account}

    async def _call(
        self, operation: Callable[..., Any], account: str | None, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        loop, name = asyncio.get_running_loop(), operation.__name__
        if (threads := self._threads.get(name)) is None:
            threads = self._threads[name] = ThreadPoolExecutor(aws.CONNECTIONS, thread_name_prefix=name)
        failure: CallError
        try:
            answer: Mapping[str, Any] = await loop.run_in_executor(threads, partial(operation, **parameters))
            return answer
        except (ClientError, BotoCoreError) as error:
            failure = aws.call_error(error, account or "the management account", contact_errors(name))
        # Not chained: AWS's and botocore's messages may repeat the contact's values.
        raise failure
