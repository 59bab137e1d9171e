"""Errors of contact sync: refused events, runs that cannot be carried out, failed and skipped accounts."""

from collections.abc import Mapping
from typing import ClassVar

from orgsync.shared.errors import CallError, OrgsyncError, Reason, ReasonedError, RefusedCall, StoreFailed

# --- events that start no run ------------------------------------------------------------


class RefusalReason(Reason):
    """Reasons why an event starts no run."""

    MALFORMED_EVENT = (
        "MalformedEvent",
        "The event lacks what every event of its kind has.",
        "Nothing to do for one; if they repeat, compare the event with tests/events and report it.",
    )
    UNKNOWN_EVENT = (
        "UnknownEvent",
        "The event is well-formed but of no type that contact sync listens to.",
        "Check who starts this state machine: only its own rules, schedule and command should.",
    )
    FOREIGN_EVENT = (
        "ForeignEvent",
        "The event was recorded for another account than the one it claims to speak of.",
        "Check the event bus's policy: only this organization's accounts may put events there.",
    )
    MEMBER_WRITE = (
        "MemberWrite",
        "A change of a member's contact was made from the management account, as our own writes are.",
        "Nothing to do: the next scheduled pass repairs it if it was not ours.",
    )
    CALL_FAILED = (
        "CallFailed",
        "The recorded call or the creation of an account failed, so nothing changed.",
        "Nothing to do; AWS Organizations says why an account could not be created.",
    )
    NO_ACCOUNT = (
        "NoAccount",
        "The change of the organization concerns no member account: a tag of a unit, or a unit where none is excluded.",
        "Nothing to do: it changes nothing of what a member account should hold.",
    )
    TOO_MANY_ACCOUNTS = (
        "TooManyAccounts",
        "More accounts are named by their ids than one run takes, alone or with what waits for the same run.",
        "Ask without ids, which compares every account; or name fewer, once no run goes on.",
    )
    KIND_NOT_CONFIGURED = (
        "KindNotConfigured",
        "The change concerns kinds that this configuration does not keep in sync.",
        "Add the kind to contact_types if it should be kept in sync.",
    )
    PAUSED = (
        "Paused",
        "Contact sync is paused by its configuration.",
        "Set paused: false and deploy; the deployment compares every account.",
    )
    CONFIGURATION_MISSING = (
        "ConfigurationMissing",
        "No configuration has been written yet: the stack is still being deployed.",
        "Nothing to do while a deployment runs: its own initial sync reads the source after this event.",
    )


class Refusal(ReasonedError[RefusalReason]):
    """An event that starts no run; nothing was read or written for it."""


# --- a run that cannot be carried out ----------------------------------------------------


class RunError(OrgsyncError):
    """The run ends before any write."""

    may_be_fresh: ClassVar[bool] = False
    """True where permissions that are not in force yet look like this."""


class ConfigurationError(RunError):
    """The owner's configuration or source contact prevents the run."""


class UnknownUnit(ConfigurationError):
    """An excluded unit does not exist, so what it excludes is unknown."""

    remedy = "Correct excluded_units: a path from the root such as /Sandbox, or a unit id; then deploy."


class ConfigurationUnreadable(ConfigurationError):
    """A version in the configuration table is no configuration of this release: a hand or another release wrote it."""

    remedy = "Delete that version from the configuration table, or deploy a changed configuration; edit none by hand."


class NotManagementAccount(ConfigurationError):
    """The stack does not stand in the organization's management account."""

    remedy = "Deploy with the management account's credentials: only it can write every member."


class OrganizationUnreadable(RunError):
    """AWS Organizations did not say which accounts there are, or where they stand."""

    may_be_fresh = True

    remedy = (
        "If AWS denied the call, check the plan function's role (organizations:List* and Describe*); "
        "then run `orgsync sync`."
    )


class SourceUnreadable(RunError):
    """The source's contact could not be read, or no two reads agreed; a run that can read none writes nothing."""

    may_be_fresh = True

    remedy = (
        "Check the plan function's role and trusted access for account.amazonaws.com; if no two reads agreed, what "
        "keeps changing the contact; if it was throttled, what else uses the quota. Then run `orgsync sync`."
    )

    def __init__(self, why: str, *, throttled: bool = False) -> None:
        """Note why; `throttled` says that AWS only asked to slow down."""
        super().__init__(why)
        self.throttled = throttled


class BatchUnreadable(StoreFailed):
    """A batch of the run is gone from the run bucket, or holds what no plan wrote."""

    remedy = "Do not edit the run bucket by hand; run `orgsync sync`, which compares the accounts of the batch again."


class RunConflict(OrgsyncError):
    """The run is not as this invocation needs it: another changed, stopped or closed it, or has not planned it yet."""

    remedy = "Nothing to do: what the other wrote stands, whoever asked asks again, and the run's report says the rest."


class InitialSyncFailed(OrgsyncError):
    """The initial sync ended in a way that fails the deployment."""

    remedy = "Mend what the reason names and deploy again; the accounts are as the run's report says."


# --- one account, one kind ---------------------------------------------------------------


class ContactRefused(RefusedCall):
    """AWS refused to write the contact to this account, because it calls the content invalid."""

    remedy = "Write the contact once by hand in that account's console to see AWS's reason, then correct the source."


class ContactNotFound(RefusedCall):
    """AWS shows no primary contact of the account, although every account has one."""

    remedy = "Nothing to do at once: the next pass reads it again. If it repeats, enter it in that account's console."


class AccountNotFound(RefusedCall):
    """AWS knows no such account in this organization."""

    remedy = "Nothing to do if the account has left the organization."


class SyncReason(Reason):
    """Reasons why an account, or a kind of it, is not known to be in sync: skipped on purpose, or failed.

    `NothingCompared` and the last two are those of a whole run.
    """

    # Skipped on purpose.
    EXCLUDED = (
        "Excluded",
        "The configuration excludes the account.",
        "Nothing to do: this is what the configuration says.",
    )
    NOT_ACTIVE = (
        "NotActive",
        "The account is not ACTIVE (suspended, closing, closed or not yet open), or has left the organization.",
        "Nothing to do: a later pass compares it once it is ACTIVE.",
    )
    NOT_A_MEMBER = (
        "NotAMember",
        "The id that was asked for is no member account: of another organization, of none, or the source's own.",
        "Correct the id; there is nothing to do if the account has left the organization.",
    )
    NOT_YET = (
        "NotYet",
        "The account is new: it is not touched before it has settled, and AWS may refuse calls about it for minutes.",
        "Nothing to do: it is tried again every minute, and fails once `new_accounts.patience` is over.",
    )
    HANDED_OVER = (
        "HandedOver",
        "The run made way for a change of the source or the configuration before this was compared.",
        "Nothing to do: the next run takes it up first.",
    )
    SOURCE_MISSING = (
        "SourceMissing",
        "The source has no such contact, and on_source_delete keeps the members' own.",
        "Enter the contact in the management account, or set on_source_delete to ignore or propagate.",
    )
    SOURCE_UNWRITABLE = (
        "SourceUnwritable",
        "The source's contact of this kind holds what AWS would refuse to write to any member.",
        "Correct the named fields of the management account's contact; that change starts the next run.",
    )
    CIRCUIT_OPEN = (
        "CircuitOpen",
        "The call that this needed failed for so many other accounts that the run stopped making it.",
        "Correct what the receipts of the failed accounts name, then run `orgsync sync`.",
    )
    NOTHING_COMPARED = (
        "NothingCompared",
        "The run was asked for the whole organization, and each of its accounts was skipped on purpose.",
        "If exclusions match too many, which `orgsync plan` shows, correct them and deploy; what is not ACTIVE is "
        "compared once it is.",
    )
    # Failed.
    NOT_VERIFIED = (
        "NotVerified",
        "The write was accepted, but reading it back kept showing something else.",
        "Another tool may be writing this contact; find it, or exclude the account here.",
    )
    EXCLUSION_UNKNOWN = (
        "ExclusionUnknown",
        "The account's tags could not be read, so it may be excluded and was not touched.",
        "If AWS denied it, check the process function's right to organizations:ListTagsForResource; "
        "if it failed, the next pass tries again.",
    )
    DESIRED_UNKNOWN = (
        "DesiredUnknown",
        "The run has no contact for this kind and was not told to delete it, so the account was not touched.",
        "Run `orgsync sync`, which reads the source anew; if it repeats, report it.",
    )
    WORKER_DIED = (
        "WorkerDied",
        "The run ended before this account was done.",
        "Run `orgsync sync`; doing an account again is harmless.",
    )
    OUT_OF_TIME = (
        "OutOfTime",
        "A whole life of the process function did not suffice for this account and those under way beside it.",
        "Lower the delays of retry_config and verify_config, or look for what slows AWS; then run `orgsync sync`.",
    )
    HEADER_UNREADABLE = (
        "HeaderUnreadable",
        "The run's header in the state table holds what no run wrote there.",
        "Do not edit the state table by hand; run `orgsync sync`.",
    )
    SYSTEM_FAILURE = (
        "SystemFailure",
        "Something of AWS or of ours broke; the reason stands in the function's log.",
        "Run `orgsync sync` once AWS answers; if it repeats, follow docs/runbook.md.",
    )

    @property
    def skips(self) -> bool:
        """Return whether this run left the account alone on purpose, so that it did not fail."""
        return self in _SKIPPED


_SKIPPED = frozenset(
    {
        SyncReason.EXCLUDED,
        SyncReason.NOT_ACTIVE,
        SyncReason.NOT_A_MEMBER,
        SyncReason.NOT_YET,
        SyncReason.HANDED_OVER,
        SyncReason.SOURCE_MISSING,
        SyncReason.SOURCE_UNWRITABLE,
        SyncReason.CIRCUIT_OPEN,
    }
)


class NotSynced(ReasonedError[SyncReason]):
    """An account, or a kind of it, that this run did not bring in sync, for a reason that nobody catches alone."""


def contact_errors(operation: str) -> Mapping[str, type[CallError]]:
    """Return the errors of a call of Account Management by AWS's code, besides those that any service has.

    One code says different things: only a write has a content that may be invalid, and only who reads or deletes a
    contact learns that there is none.

    Args:
        operation: the call's name, as AWS or boto3 writes it.
    """
    writes = operation.lower().startswith("put")
    return {
        "ValidationException": ContactRefused if writes else RefusedCall,
        "ResourceNotFoundException": RefusedCall if writes else ContactNotFound,
        "AccountNotFoundException": AccountNotFound,
    }
