"""Errors of contact sync: refused events, runs that cannot be carried out, failed and skipped accounts."""

from collections.abc import Mapping
from typing import ClassVar

from orgsync.shared.errors import CallError, OrgsyncError, RefusedCall, StoreFailed

# --- events that start no run ------------------------------------------------------------


class Refusal(OrgsyncError):
    """An event that starts no run; nothing was read or written for it."""


class MalformedEvent(Refusal):
    """The event lacks what every event of its kind has."""

    remedy = "Nothing to do for one; if they repeat, compare the event with tests/events and report it."


class UnknownEvent(Refusal):
    """The event is well-formed but of no type that contact sync listens to."""

    remedy = "Check who starts this state machine: only its own rules, schedule and command should."


class ForeignEvent(Refusal):
    """The event was recorded for another account than the one it claims to speak of."""

    remedy = "Check the event bus's policy: only this organization's accounts may put events there."


class MemberWrite(Refusal):
    """A change of a member's contact was made from the management account, as our own writes are."""

    remedy = "Nothing to do: the next scheduled pass repairs it if it was not ours."


class CallFailed(Refusal):
    """The recorded call or the creation of an account failed, so nothing changed."""

    remedy = "Nothing to do; AWS Organizations says why an account could not be created."


class NoAccount(Refusal):
    """The change of the organization concerns no member account: a tag of a unit, or a unit where none is excluded."""

    remedy = "Nothing to do: it changes nothing of what a member account should hold."


class KindNotConfigured(Refusal):
    """The change concerns kinds that this configuration does not keep in sync."""

    remedy = "Add the kind to contact_types if it should be kept in sync."


class Paused(Refusal):
    """Contact sync is paused by its configuration."""

    remedy = "Set paused: false and deploy; the deployment compares every account."


class ConfigurationMissing(Refusal):
    """No configuration has been written yet: the stack is still being deployed."""

    remedy = "Nothing to do while a deployment runs: its own initial sync reads the source after this event."


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

    remedy = "Check the plan function's role (organizations:List* and Describe*), then run `orgsync sync`."


class SourceUnreadable(RunError):
    """The source's contact could not be read, or no two reads agreed; a run that can read none writes nothing."""

    may_be_fresh = True

    remedy = (
        "Check the plan function's role and trusted access for account.amazonaws.com, or, if no two reads agreed, "
        "what keeps changing the management account's contact; then run `orgsync sync`."
    )


class SystemFailure(RunError):
    """Something of AWS or of ours broke; the reason stands in the function's log."""

    remedy = "Run `orgsync sync` once AWS answers; if it repeats, follow docs/runbook.md."


class HeaderUnreadable(RunError):
    """The run's header in the state table holds what no run wrote there."""

    remedy = "Do not edit the state table by hand; run `orgsync sync`."


class BatchUnreadable(StoreFailed):
    """A batch of the run is gone from the run bucket, or holds what no plan wrote."""

    remedy = "Do not edit the run bucket by hand; run `orgsync sync`, which compares the accounts of the batch again."


class RevisionLost(OrgsyncError):
    """Another invocation changed the run's header first, so this one stopped."""

    remedy = "Nothing to do: what the other wrote stands, and whoever asked asks again."


class RunStopped(OrgsyncError):
    """The run was stopped or closed while its worker was at it, so the worker wrote no more."""

    remedy = "Nothing to do: the run's report names what was not done."


class InitialSyncFailed(OrgsyncError):
    """The initial sync ended in a way that fails the deployment."""

    remedy = "Mend what the reason names and deploy again; the accounts are as the run's report says."


# --- one account, one kind ---------------------------------------------------------------


class ContactRefused(RefusedCall):
    """AWS refused the contact's content for this account."""

    remedy = "Write the contact once by hand in that account's console to see AWS's reason, then correct the source."


class ContactNotFound(RefusedCall):
    """AWS has no such contact for the account."""

    remedy = "Nothing to do: the next pass compares it again."


class AccountNotFound(RefusedCall):
    """AWS knows no such account in this organization."""

    remedy = "Nothing to do if the account has left the organization."


class NotVerified(CallError):
    """The write was accepted, but reading it back kept showing something else."""

    remedy = "Another tool may be writing this contact; find it, or exclude the account here."


class ExclusionUnknown(CallError):
    """The account's tags could not be read, so it may be excluded and was not touched."""

    remedy = "Check the process function's right to organizations:ListTagsForResource."


class DesiredUnknown(OrgsyncError):
    """The run has no contact for this kind and was not told to delete it, so the account was not touched."""

    remedy = "Run `orgsync sync`, which reads the source anew; if it repeats, report it."


class WorkerDied(OrgsyncError):
    """The run ended before this account was done."""

    remedy = "Run `orgsync sync`; doing an account again is harmless."


class OutOfTime(OrgsyncError):
    """A whole life of the process function did not suffice for this account and those that were under way beside it."""

    remedy = "Lower the delays of retry_config and verify_config, or look for what slows AWS; then run `orgsync sync`."


# --- an account skipped on purpose -------------------------------------------------------


class Skip(OrgsyncError):
    """An account (or a kind of it) that this run skipped, and why."""

    skips = True


class Excluded(Skip):
    """The configuration excludes the account."""

    remedy = "Nothing to do: this is what the configuration says."


class NotActive(Skip):
    """The account is not ACTIVE (suspended, closing, or not yet open)."""

    remedy = "Nothing to do: a later pass compares it once it is ACTIVE."


class NotAMember(Skip):
    """The id that was asked for is no member account: of another organization, of none, or the source's own."""

    remedy = "Correct the id; there is nothing to do if the account has left the organization."


class NotYet(Skip):
    """The account is new, and AWS refuses calls about it for its first minutes."""

    remedy = "Nothing to do: it is tried again every minute, and fails once `new_accounts.patience` is over."


class HandedOver(Skip):
    """The run made way for a change of the source or the configuration before this was compared."""

    remedy = "Nothing to do: the next run takes it up first."


class SourceMissing(Skip):
    """The source has no such contact, and on_source_delete keeps the members' own."""

    remedy = "Enter the contact in the management account, or set on_source_delete to ignore or propagate."


class SourceUnwritable(Skip):
    """The source's contact of this kind holds what AWS would refuse to write to any member."""

    remedy = "Correct the named fields of the management account's contact; that change starts the next run."


class CircuitOpen(Skip):
    """The call that this needed failed for so many other accounts that the run stopped making it."""

    remedy = "Correct what the receipts of the failed accounts name, then run `orgsync sync`."


CONTACT_ERRORS: Mapping[str, type[CallError]] = {
    "ValidationException": ContactRefused,
    "ResourceNotFoundException": ContactNotFound,
    "AccountNotFoundException": AccountNotFound,
}
"""Errors of Account Management by AWS's code, besides those that any service has."""
