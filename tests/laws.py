"""The laws of README.md, "What always holds", over whatever was seen: a simulated history, a rehearsal, a property.

Each law looks at the evidence and yields what breaks it, in words; what the evidence does not hold, no law judges.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orgsync.sandbox.model import contact_rules
from orgsync.sandbox.model.organization import KINDS, PRIMARY, Fields

_ENDS = ("completed", "failed")
_DELETE = "DeleteAlternateContact"
_STATUSES = ("success", "failed", "skipped")

VALUES = ("FullName", "Name", "EmailAddress", "PhoneNumber")
"""Fields whose values are looked for where none may stand; the others hold words that anything may hold."""

SHORTEST = 5
"""Characters up to which a value may stand in any text by chance."""

Held = Mapping[str, Mapping[str, Fields | None]]
"""Contacts by account and kind; None where there is none."""


@dataclass(frozen=True)
class Member:
    """A member account as it is at the end: its state, and whether the configuration excludes it."""

    state: str = "ACTIVE"
    excluded: bool = False


@dataclass(frozen=True)
class WriteSeen:
    """A write that took effect, by the product.

    Attributes:
        run: the run whose worker made it; None where that was not seen.
        before, after: the contact before and after it; both empty where they were not seen.
        excluded: whether the run's own configuration excluded the account, since before the run was planned.
        in_progress: whether the run was in progress, or had been stopped a moment ago.
        leased: whether the run held the lease.
        stated: whether a deletion stood in header, batch and intent.
        settled: whether the account was older than the run's own configuration lets new accounts settle.
        doubtful: whether an earlier write of the same contact was lost from sight: an answer that never came, a worker
            that died, reads that still show what was there before.
    """

    account: str
    kind: str
    operation: str
    run: str | None = None
    before: Fields | None = None
    after: Fields | None = None
    excluded: bool = False
    in_progress: bool = True
    leased: bool = True
    stated: bool = True
    settled: bool = True
    doubtful: bool = False

    def __str__(self) -> str:
        return f"{self.operation} {self.account} {self.kind} by {self.run}"


@dataclass(frozen=True)
class Evidence:
    """Observations of the product, whoever made them.

    Attributes:
        management: id of the management account, whose contacts are the source.
        members: the organization's accounts at the end.
        config: the configuration's document at the end; None where it was not seen.
        held: every account's contacts at the end, the source's among them.
        runs: headers as JSON documents, without those of merged events.
        receipts: of each run, as JSON documents.
        asked: of each run, the accounts and kinds that it was to compare; a run that is absent was not seen planning.
        writes: in their order.
        refused: the accounts and kinds that AWS lets nobody write.
        quiet: whether the events have stopped, AWS answers and a pass is over.
        closings: how often each run was closed.
        notices: how often each run was spoken of; a run whose closer died may be absent.
        versions: the configuration versions that each planned run's header named.
        holder: the run that holds the lease at the end.
        untrue: receipts of success that were not true when they were written.
        patient: whether AWS let calls of every operation through at least once in a quarter of an hour.
        values: contact values that must stay in their places.
        places: texts in which no contact value may stand, by name.
        writer: the end of the name of the role by which the product writes.
    """

    management: str
    members: Mapping[str, Member]
    config: Mapping[str, Any] | None
    held: Held
    runs: Sequence[Mapping[str, Any]] = ()
    receipts: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    asked: Mapping[str, Collection[tuple[str, str]]] = field(default_factory=dict)
    writes: Sequence[WriteSeen] = ()
    refused: Collection[tuple[str, str]] = ()
    quiet: bool = False
    closings: Mapping[str, int] = field(default_factory=dict)
    notices: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, Collection[int]] = field(default_factory=dict)
    holder: str | None = None
    untrue: Sequence[str] = ()
    patient: bool = False
    values: Collection[str] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    writer: str = "-process"

    def desired(self, kind: str) -> tuple[bool, Fields | None]:
        """Return whether a kind is kept in sync, and the contact that every member should hold; None: no contact.

        A kind that is not configured, that the source lacks without leave to propagate that, or that AWS would refuse
        is kept in no account.
        """
        source, config = self.held[self.management].get(kind), self.config or {}
        if kind not in config.get("contact_types", KINDS):
            return False, None
        if source is None:
            return kind != PRIMARY and config.get("on_source_delete") == "propagate", None
        return not contact_rules.field_errors(kind, source), source

    @staticmethod
    def values_in(held: Held) -> set[str]:
        """Return the values of contacts that no text holds by chance."""
        return {
            value
            for contacts in held.values()
            for fields in contacts.values()
            for name, value in (fields or {}).items()
            if name in VALUES and len(value) > SHORTEST
        }

    @classmethod
    def of_report(cls, report: Mapping[str, Any]) -> "Evidence":
        """Return what the report of a rehearsal shows (docs/scenario.md): nothing of the moment of a write."""
        held: Held = report["contacts"]
        management = next(one for one in held if one not in report["accounts"])
        return cls(
            management,
            {account: Member(excluded=bool(found["skipped"])) for account, found in report["accounts"].items()},
            None,
            held,
            report["runs"],
            {run["run_id"]: run["receipts"] for run in report["runs"]},
            writes=[WriteSeen(one["account"], one["kind"], one["operation"]) for one in report["writes"]],
            quiet=True,
            values=cls.values_in(held),
            places={
                f"the notification {number}": f"{one['subject']} {one['body']}"
                for number, one in enumerate(report["notifications"])
            },
        )


Law = Callable[[Evidence], Iterator[str]]


def every_account_that_aws_lets_us_write_holds_its_desired_contacts(seen: Evidence) -> Iterator[str]:
    """Once the events have stopped and AWS answers: every ACTIVE account that is not excluded."""
    if not seen.quiet or seen.config is None or seen.config.get("paused"):
        return
    for account, member in seen.members.items():
        if member.state != "ACTIVE" or member.excluded:
            continue
        for kind in KINDS:
            kept, wanted = seen.desired(kind)
            if kept and (account, kind) not in seen.refused and seen.held[account].get(kind) != wanted:
                yield f"{account} does not hold the desired {kind} contact"


def the_management_account_is_never_written(seen: Evidence) -> Iterator[str]:
    """Only an explicit `orgsync rollback --source` may; no run compares it with itself either."""
    yield from (str(write) for write in seen.writes if write.account == seen.management)
    for run, receipts in seen.receipts.items():
        if any(one["account"] == seen.management and one["error"] != "NotAMember" for one in receipts):
            yield f"{run} takes it for a member"


def excluded_accounts_are_never_written(seen: Evidence) -> Iterator[str]:
    """Accounts that a run's own configuration excludes."""
    yield from (str(write) for write in seen.writes if write.excluded)


def a_new_account_is_not_touched_before_it_has_settled(seen: Evidence) -> Iterator[str]:
    """Whatever asks for it: it may be moved or tagged yet, and then be excluded."""
    yield from (f"{write}, which is new" for write in seen.writes if not write.settled)


def the_primary_contact_is_never_deleted(seen: Evidence) -> Iterator[str]:
    """Whatever the source lacks."""
    yield from (str(write) for write in seen.writes if write.operation == _DELETE and write.kind == PRIMARY)


def a_deletion_is_stated_never_inferred(seen: Evidence) -> Iterator[str]:
    """It stands in header, batch and intent."""
    yield from (
        f"{write}, which nobody decided" for write in seen.writes if write.operation == _DELETE and not write.stated
    )


def no_write_without_a_difference(seen: Evidence) -> Iterator[str]:
    """A write that leaves everything as it was, unless nobody could know."""
    for write in seen.writes:
        if write.before == write.after and not write.doubtful and (write.before or write.after):
            yield f"{write} changed nothing"


def never_two_runs_at_once(seen: Evidence) -> Iterator[str]:
    """Only the run that holds the lease writes."""
    yield from (f"{write}, which did not hold the lease" for write in seen.writes if not write.leased)


def no_write_by_a_run_that_is_closed(seen: Evidence) -> Iterator[str]:
    """A worker whose run was closed writes no more."""
    yield from (f"{write}, which was closed" for write in seen.writes if not write.in_progress)


def our_own_writes_trigger_nothing(seen: Evidence) -> Iterator[str]:
    """No run was asked for by our own worker's role."""
    role = f"{seen.writer}/"
    for run in seen.runs:
        if any(role in str(one) for one in (run.get("initiator"), *(run.get("initiators") or ()))):
            yield f"{run['run_id']} answers our own write"


def every_account_and_kind_of_every_run_has_exactly_one_receipt(seen: Evidence) -> Iterator[str]:
    """With when, and why it was not compared; counts say the same, and the header who asked and whose contacts."""
    for run in seen.runs:
        name, receipts = run["run_id"], seen.receipts.get(run["run_id"], ())
        pairs = Counter((one["account"], one["kind"]) for one in receipts)
        yield from (f"{name} has {count} receipts of {pair}" for pair, count in pairs.items() if count > 1)
        if run["status"] not in _ENDS:
            continue
        if (asked := seen.asked.get(name)) is not None:
            yield from (f"{name} has no receipt of {pair}" for pair in sorted(set(asked) - pairs.keys()))
            yield from (
                f"{name} has a receipt of {pair}, which it was not asked for" for pair in pairs.keys() - set(asked)
            )
        for one in receipts:
            if (
                not one.get("at")
                or one["status"] not in _STATUSES
                or (one["status"] == "success") == bool(one["error"])
            ):
                yield f"{name} has a receipt that does not say when or why: {one['account']} {one['kind']}"
        counted = Counter(one["status"] for one in receipts)
        if any(counted[status] != run["counts"].get(status, 0) for status in _STATUSES):
            yield f"{name} counts {dict(run['counts'])}, and its receipts {dict(counted)}"
        if "source_account" in run and run["source_account"] != seen.management:
            yield f"{name} does not name the source account"
        if run.get("initiator") and run["initiator"] not in run.get("initiators", [run["initiator"]]):
            yield f"{name} has lost who asked for it"


def what_was_not_done_is_never_a_success(seen: Evidence) -> Iterator[str]:
    """A success is in sync and has no failure in it, and a run for everyone that compared nobody is none."""
    yield from seen.untrue
    for run in seen.runs:
        if run.get("scenario") != "success_completion" or run["status"] not in _ENDS:
            continue
        ends = Counter(one["status"] for one in seen.receipts.get(run["run_id"], ()))
        if ends["failed"] or run.get("error") or not ends["success"]:
            yield f"{run['run_id']} calls itself a success: {dict(ends)}"


def a_temporary_failure_is_retried_at_most_three_times(seen: Evidence) -> Iterator[str]:
    """In one run, for each account and kind; a 429 is no failure at all while AWS lets calls through."""
    most = ((seen.config or {}).get("retry_config") or {}).get("max_attempts", 3)
    for run, receipts in seen.receipts.items():
        for one in receipts:
            if one["retries"] > most:
                yield f"{run} has tried {one['account']} {one['kind']} again {one['retries']} times"
            if seen.patient and one["error"] == "Throttled":
                yield f"{run} fails {one['account']} {one['kind']} for a 429"


def every_run_ends_once(seen: Evidence) -> Iterator[str]:
    """Closed, once, spoken of at most once, and nobody holds the lease after it."""
    if seen.quiet:
        yield from (f"{run['run_id']} never ends" for run in seen.runs if run["status"] not in _ENDS)
        if seen.holder:
            yield f"{seen.holder} still holds the lease"
    yield from (f"{run} was closed {count} times" for run, count in seen.closings.items() if count > 1)
    yield from (f"{run} was spoken of {count} times" for run, count in seen.notices.items() if count > 1)


def a_started_run_keeps_its_configuration(seen: Evidence) -> Iterator[str]:
    """However often the configuration changes meanwhile."""
    for run, versions in seen.versions.items():
        if len(set(versions)) > 1:
            yield f"{run} worked with the configurations {sorted(versions)}"


def values_of_contacts_stay_in_their_places(seen: Evidence) -> Iterator[str]:
    """No value in executions, messages, reports or batches; what it was is not repeated here."""
    for place, text in seen.places.items():
        if any(value in text for value in seen.values):
            yield f"a contact's value stands in {place}"


LAWS: tuple[Law, ...] = (
    every_account_that_aws_lets_us_write_holds_its_desired_contacts,
    the_management_account_is_never_written,
    excluded_accounts_are_never_written,
    a_new_account_is_not_touched_before_it_has_settled,
    the_primary_contact_is_never_deleted,
    a_deletion_is_stated_never_inferred,
    no_write_without_a_difference,
    never_two_runs_at_once,
    no_write_by_a_run_that_is_closed,
    our_own_writes_trigger_nothing,
    every_account_and_kind_of_every_run_has_exactly_one_receipt,
    what_was_not_done_is_never_a_success,
    a_temporary_failure_is_retried_at_most_three_times,
    every_run_ends_once,
    a_started_run_keeps_its_configuration,
    values_of_contacts_stay_in_their_places,
)


def broken(seen: Evidence) -> list[str]:
    """Return every law that the evidence breaks, with what breaks it."""
    return [f"{law.__name__.replace('_', ' ')}: {what}" for law in LAWS for what in law(seen)]
