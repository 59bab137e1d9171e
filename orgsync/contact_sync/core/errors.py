"""Every refusal, skip and failure by name; each says what to do about it.

A class's name is its code: it stands in receipts, metrics, notifications and the CLI, and
`remedy_of` turns it back into advice. Messages carry ids, kinds and field names, never a
contact's values.
"""

from typing import ClassVar


class OrgsyncError(Exception):
    """Root of all that orgsync names."""

    remedy: ClassVar[str] = "Look at the run's report and the function's log."

    @property
    def code(self) -> str:
        """The class's own name."""
        return type(self).__name__


# --- bells that start no run -------------------------------------------------------------


class Refusal(OrgsyncError):
    """A bell that starts no run; nothing was read or written for it."""


class MalformedBell(Refusal):
    """The event lacks what every event of its kind has."""

    remedy = "Nothing to do for one; if they repeat, compare the event with tests/events and report it."


class UnknownBell(Refusal):
    """The event is well-formed but of no kind that contact sync listens to."""

    remedy = "Check who starts this state machine: only its own rules, schedule and command should."


class ForeignBell(Refusal):
    """The event was recorded for another account than the one it claims to speak of."""

    remedy = "Check the event bus's policy: only this organization's accounts may put events there."


class MemberWrite(Refusal):
    """A change of a member's contact made from the management account, as our own writes are."""

    remedy = "Nothing to do: the daily pass repairs it if it was not ours."


class OwnWrite(Refusal):
    """Our own writer's call came back as an event."""

    remedy = "Nothing to do: answering it would make a loop."


class CallFailed(Refusal):
    """The recorded call was refused by AWS, so nothing changed."""

    remedy = "Nothing to do."


class AccountCreationFailed(Refusal):
    """An account could not be created, so there is none to bring into step."""

    remedy = "Look at the account's creation in AWS Organizations."


class KindNotConfigured(Refusal):
    """The change concerns kinds that this configuration does not keep in step."""

    remedy = "Add the kind to contact_types if it should be kept in step."


class Paused(Refusal):
    """Contact sync is paused by its configuration."""

    remedy = "Set paused: false and deploy; the deploy brings every account into step."


class ConfigurationMissing(Refusal):
    """No configuration has been written yet: the stack is still being deployed."""

    remedy = "Nothing to do while a deploy runs: its own first run reads the source after this event."


# --- a run that cannot be carried out ----------------------------------------------------


class RunError(OrgsyncError):
    """The run ends before any write."""


class ConfigurationError(RunError):
    """The owner's configuration or source contact prevents the run."""


class SourceUnwritable(ConfigurationError):
    """A source contact holds what AWS would refuse to write to any member."""

    remedy = "Correct the named fields of the management account's contact; that change starts the next run."


class UnknownUnit(ConfigurationError):
    """An excluded unit does not exist, so what it excludes cannot be told."""

    remedy = "Correct excluded_units: a path from the root such as /Sandbox, or a unit id; then deploy."


class ConfigurationUnreadable(ConfigurationError):
    """The newest version in the configuration table is not a valid configuration."""

    remedy = "Deploy again, the table holds versions that deployments wrote; do not edit the table by hand."


class NotManagementAccount(ConfigurationError):
    """The stack does not stand in the organization's management account."""

    remedy = "Deploy with the management account's credentials: only it can write every member."


class OrganizationUnreadable(RunError):
    """AWS Organizations did not say which accounts there are, or where they stand."""

    remedy = "Check the plan function's role (organizations:List* and Describe*), then run `orgsync sync`."


class SourceUnreadable(RunError):
    """The source's contacts could not be read."""

    remedy = "Check the plan function's role and trusted access for account.amazonaws.com, then run `orgsync sync`."


class SystemFailure(RunError):
    """Something of AWS or of ours broke; the reason stands in the function's log."""

    remedy = "Run `orgsync sync` once AWS answers; if it repeats, follow docs/runbook.md."


class StoreFailed(OrgsyncError):
    """The stack's own tables, bucket or state machine did not answer, or refused."""

    remedy = (
        "Check the rights of whoever asked, and the key's; if AWS failed, ask again: doing anything again is harmless."
    )


class DeploySyncFailed(OrgsyncError):
    """The deploy's own run ended in a way that fails the deployment."""

    remedy = "Mend what the reason names and deploy again; the accounts are as the run's report says."


class NotificationFailed(OrgsyncError):
    """A notice could not be published; the run's own result stands."""

    remedy = "Check the topic's policy and key; the run's report holds everything that the notice said."


# --- one account, one kind ---------------------------------------------------------------


class AccountError(OrgsyncError):
    """One account's contact could not be read or written; the other accounts go on."""


class Temporary(AccountError):
    """A failure that may pass: it is tried again as retry_config says."""

    remedy = "Nothing to do at once: the next pass tries again. If it lasts, look at AWS's health page."


class ServiceFailed(Temporary):
    """AWS answered with a failure of its own (5xx)."""


class NetworkFailed(Temporary):
    """No answer came from AWS."""


class Conflicted(Temporary):
    """Another call changed the contact at the same moment."""


class Throttled(AccountError):
    """AWS asked to slow down more often than one account may wait."""

    remedy = "Another tool shares the quota: lower `pacing`, or move the schedule away from the other tool's time."


class AccessDenied(AccountError):
    """AWS refused the call for lack of permission."""

    remedy = (
        "Check trusted access for account.amazonaws.com in the organization, service control policies, "
        "and the process function's role."
    )


class ContactRefused(AccountError):
    """AWS refused the contact's content for this account."""

    remedy = "Write the contact once by hand in that account's console to see AWS's reason, then correct the source."


class UnexpectedAnswer(AccountError):
    """AWS answered with an error that orgsync does not know."""

    remedy = "Look for the code in the process function's log and report it, so that it gets a name."


class ContactNotFound(AccountError):
    """AWS has no such contact for the account."""

    remedy = "Nothing to do: the next pass compares it again."


class AccountNotFound(AccountError):
    """AWS knows no such account in this organization."""

    remedy = "Nothing to do if the account has left the organization."


class NotVerified(AccountError):
    """The write was accepted, but reading it back kept showing something else."""

    remedy = "Another tool may be writing this contact; find it, or exclude the account here."


class ExclusionUnknown(AccountError):
    """Whether the account is excluded could not be told, so it was not touched."""

    remedy = "Check the process function's right to organizations:ListTagsForResource."


class WorkerDied(AccountError):
    """The run ended before this account's turn was over."""

    remedy = "Run `orgsync sync`; doing an account again is harmless."


# --- an account left alone on purpose ----------------------------------------------------


class Skip(OrgsyncError):
    """An account (or a kind of it) that this run left alone, and why."""


class Excluded(Skip):
    """The configuration excludes the account."""

    remedy = "Nothing to do: this is what the configuration says."


class NotActive(Skip):
    """The account is not ACTIVE (suspended, closing, or not yet open)."""

    remedy = "Nothing to do: it is picked up when it becomes ACTIVE."


class SourceMissing(Skip):
    """The source has no such contact, and on_source_delete leaves the members' own."""

    remedy = "Enter the contact in the management account, or set on_source_delete to ignore or propagate."


class CircuitOpen(Skip):
    """Ten accounts in a row failed alike, so the run stopped calling AWS."""

    remedy = "Mend what the failed accounts' receipts name, then run `orgsync sync`."


def _below(error: type[OrgsyncError]) -> list[type[OrgsyncError]]:
    return [error, *(found for child in error.__subclasses__() for found in _below(child))]


def class_of(code: str) -> type[OrgsyncError]:
    """The class whose code this is; `OrgsyncError` for a code of another version."""
    return next((error for error in _below(OrgsyncError) if error.__name__ == code), OrgsyncError)


def remedy_of(code: str) -> str:
    """What to do about a code that stands in a receipt, a header or a refusal."""
    return class_of(code).remedy


def meaning_of(code: str) -> str:
    """One sentence that says what a code means."""
    return (class_of(code).__doc__ or "").strip()
