"""Requests: two of them become one without losing work."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orgsync.contact_sync.core.errors import Refusal
from orgsync.contact_sync.core.lease import Lease, LeasedRun
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.names import Cause, Kind
from orgsync.shared.clock import as_timestamp

IDS = [f"{200_000_000_000 + number:012d}" for number in range(5)]
KINDS = st.frozensets(st.sampled_from(list(Kind)))
LETTERS = st.characters(codec="utf-8")
MOMENTS = st.datetimes().map(lambda at: str(as_timestamp(at.isoformat())))
REQUESTS = st.builds(
    Request,
    cause=st.sampled_from(list(Cause)),
    initiator=st.one_of(st.none(), st.just("arn:aws:iam::1:user/ann")),
    triggered_at=st.one_of(st.none(), st.datetimes().map(lambda at: as_timestamp(at.isoformat()))),
    everyone=KINDS,
    accounts=st.dictionaries(st.sampled_from(IDS), st.frozensets(st.sampled_from(list(Kind)), min_size=1)),
    event_ids=st.lists(st.text(LETTERS, min_size=1, max_size=3), min_size=1, max_size=4, unique=True).map(tuple),
    initiators=st.lists(st.sampled_from(["arn:aws:iam::1:user/bo", "arn:aws:iam::1:user/cy"])).map(tuple),
    urgent=st.booleans(),
    fresh=st.booleans(),
    new_accounts=st.dictionaries(st.sampled_from(IDS), MOMENTS),
    named=st.frozensets(st.sampled_from(IDS)),
    rest=st.one_of(st.none(), st.just("run-1")),
    unconfirmed=KINDS,
    source_changed_at=st.one_of(st.none(), st.datetimes().map(lambda at: as_timestamp(at.isoformat()))),
)


@given(first=REQUESTS, second=REQUESTS)
def test_merging_loses_nothing_and_adds_nothing(first: Request, second: Request) -> None:
    """Every account is compared for exactly the kinds that either request asked for, named or not."""
    merged = first.merged(second)
    for account in (*IDS, "299999999999"):
        assert merged.kinds_for(account) == first.kinds_for(account) | second.kinds_for(account)
    assert merged.kinds() == first.kinds() | second.kinds()


@given(first=REQUESTS, second=REQUESTS)
def test_a_merged_request_answers_both_events(first: Request, second: Request) -> None:
    """A duplicate of either event is recognised in what they became; the first one's cause stays."""
    merged = first.merged(second)
    assert set(merged.event_ids) == {*first.event_ids, *second.event_ids}
    assert merged.cause is first.cause
    assert merged.initiator == (first.initiator or second.initiator)
    assert set(merged.initiators) == {*first.initiators, *second.initiators}
    assert (merged.urgent, merged.fresh) == (first.urgent or second.urgent, first.fresh or second.fresh)
    assert merged.new_accounts.keys() == first.new_accounts.keys() | second.new_accounts.keys()
    for account, since in merged.new_accounts.items():
        assert since == min(one.new_accounts[account] for one in (first, second) if account in one.new_accounts)
    assert merged.unconfirmed == first.unconfirmed | second.unconfirmed
    assert merged.named == first.named | second.named
    assert merged.triggered_at == min(filter(None, (first.triggered_at, second.triggered_at)), default=None)


@given(waiting=REQUESTS, ended=REQUESTS, itself=st.booleans())
def test_who_takes_up_a_rest_looks_at_the_source_for_it(waiting: Request, ended: Request, itself: bool) -> None:
    """Kinds that nobody has had a last look at go on from run to run, with the time of the last edit."""
    took = waiting.taking_up("run-0", ended, itself=itself)
    own = ended.kinds() if itself else frozenset()
    assert took.unconfirmed == waiting.unconfirmed | ended.unconfirmed | own
    assert took.rest == "run-0"
    edits = [at for at in (waiting.source_changed_at, ended.source_changed_at) if at]
    assert took.source_changed_at == max(edits, default=None)
    assert (took.everyone, took.accounts, took.urgent) == (waiting.everyone, waiting.accounts, waiting.urgent)
    assert (took.event_ids, took.cause) == (waiting.event_ids, waiting.cause)
    assert set(took.initiators) == {*waiting.initiators, *ended.initiators}
    assert took.fresh == (waiting.fresh or ended.fresh)


@given(first=REQUESTS, second=REQUESTS, moment=st.datetimes().map(lambda at: str(as_timestamp(at.isoformat()))))
def test_a_request_remembers_when_the_source_was_last_changed(first: Request, second: Request, moment: str) -> None:
    """The later of two moments counts, whichever came first; an event of the source without one happened just now.

    What a run's last look asked for says when it was seen, and no event that may show late.
    """
    latest = max(filter(None, (first.source_changed_at, second.source_changed_at)), default=None)
    assert first.merged(second).source_changed_at == second.merged(first).source_changed_at == latest
    timed = first.at(moment)
    assert timed.triggered_at == (first.triggered_at or moment)
    unsaid = first.cause is Cause.SOURCE_CHANGED and first.triggered_at is None
    assert timed.source_changed_at == (moment if unsaid else first.source_changed_at)


@given(one=REQUESTS)
def test_merging_a_request_with_itself_changes_no_work(one: Request) -> None:
    """An event that came twice asks for what it asked once."""
    twice = one.merged(one)
    assert all(twice.kinds_for(account) == one.kinds_for(account) for account in IDS)
    assert twice.event_ids == one.event_ids


def test_events_are_remembered_up_to_a_limit() -> None:
    """Of hundreds of events the latest are remembered, so that a lease stays a small item."""
    request = Request(Cause.SCHEDULE, None, None, frozenset(Kind), event_ids=("0",))
    for number in range(1, 3 * Request.MAX_EVENT_IDS):
        request = request.merged(Request(Cause.SCHEDULE, None, None, frozenset(Kind), event_ids=(str(number),)))
    assert request.event_ids == tuple(map(str, range(2 * Request.MAX_EVENT_IDS, 3 * Request.MAX_EVENT_IDS)))


def test_more_accounts_than_a_lease_holds_become_everyone() -> None:
    """A flood of single accounts never grows beyond an item, and none of them is lost."""
    request = Request(Cause.MEMBER_CHANGED, None, None, accounts={IDS[0]: frozenset({Kind.BILLING})}, event_ids=("0",))
    ids = [f"{number:012d}" for number in range(1, 2 * Request.MAX_ACCOUNTS)]
    for number in ids:
        later = Request(
            Cause.MEMBER_CHANGED, None, None, accounts={number: frozenset({Kind.PRIMARY})}, event_ids=(number,)
        )
        request = request.merged(later)
        assert len(request.accounts) <= Request.MAX_ACCOUNTS
    assert all(Kind.PRIMARY in request.kinds_for(account) for account in ids)
    assert Kind.BILLING in request.kinds_for(IDS[0])
    assert not request.kinds() & {Kind.SECURITY, Kind.OPERATIONS}


@given(request=REQUESTS, configured=KINDS)
def test_only_configured_kinds_remain(request: Request, configured: frozenset[Kind]) -> None:
    """A request is cut to the configured kinds; no account remains with nothing to compare."""
    only = request.only(configured)
    assert all(only.kinds_for(account) == request.kinds_for(account) & configured for account in IDS)
    assert all(only.accounts.values())
    assert only.event_ids == request.event_ids
    assert only.named == {one for one in request.named if only.everyone or one in only.accounts}


@given(request=REQUESTS)
def test_a_request_survives_json(request: Request) -> None:
    """A request that went through the lease or an execution's input is the same again."""
    assert Request.from_json(json.loads(json.dumps(request.to_json()))) == request


def dynamodb_size(value: object) -> int:
    """Return the bytes of a value as an attribute of an item [doc]: texts in UTF-8, 3 for a list or mapping, 1 each."""
    if isinstance(value, Mapping):
        return 3 + sum(1 + len(key.encode()) + dynamodb_size(inner) for key, inner in value.items())
    if isinstance(value, list):
        return 3 + sum(1 + dynamodb_size(inner) for inner in value)
    return len(value.encode()) if isinstance(value, str) else 1


@settings(max_examples=20, deadline=None)
@given(
    accounts=st.integers(0, 20_000),
    events=st.integers(1, 1000),
    kinds=st.frozensets(st.sampled_from(list(Kind)), min_size=1),
    length=st.integers(1, Request.MAX_TEXT),
    named=st.integers(0, Request.MAX_NAMED),
)
@example(1000, 1000, frozenset(Kind), Request.MAX_TEXT, Request.MAX_NAMED)
@example(1000, 1000, frozenset(Kind), 100, Request.MAX_NAMED)
def test_no_lease_comes_near_the_size_of_an_item(
    accounts: int, events: int, kinds: frozenset[Kind], length: int, named: int
) -> None:
    """However many accounts, events and callers are merged, however long their names: both runs stay below 400 KB."""
    ids = [f"{number:012d}" for number in range(accounts)]
    many = Request(
        Cause.OPERATOR,
        "a" * length,
        "2026-11-01T10:00:00.000+00:00",
        accounts=dict.fromkeys(ids, kinds),
        event_ids=tuple(f"{number:05d}".rjust(length, "e")[-length:] for number in range(events)),
        initiators=tuple(f"{number:05d}".rjust(length, "i")[-length:] for number in range(events)),
        new_accounts=dict.fromkeys(ids, "2026-11-01T10:00:00.000+00:00"),
        rest="r" * length,
        named=frozenset(f"{number:012d}" for number in range(named)),
    ).bounded()
    grown = many.merged(many)
    assert grown == many
    assert grown.kinds() == (kinds if accounts else frozenset())
    run = LeasedRun("x" * 80, grown)
    lease = Lease(run, run, "x" * 80)
    item = {"holder": run.to_json(), "pending": run.to_json(), "previous": lease.previous}
    assert dynamodb_size(item) < 350_000
    # As an execution's input, which takes 256 KiB [doc].
    assert len(json.dumps(grown.to_json())) < 240_000


@given(count=st.integers(0, Request.MAX_NAMED), more=st.integers(1, 5000))
def test_more_ids_than_a_lease_holds_are_refused(count: int, more: int) -> None:
    """Operators' ids are never forgotten: what cannot be kept with what waits is refused, and what waits stays."""

    def named(first: int, size: int, event: str) -> Request:
        ids = [f"{number:012d}" for number in range(first, first + size)]
        # Requests that were merged to more than one takes are for everyone, and keep the ids.
        many = size > Request.MAX_ACCOUNTS
        accounts = {} if many else dict.fromkeys(ids, frozenset(Kind))
        everyone = frozenset(Kind) if many else frozenset[Kind]()
        return Request(Cause.OPERATOR, None, None, everyone, accounts, (event,), named=frozenset(ids))

    waiting = LeasedRun("run-2", named(0, count, "1"))
    lease = Lease(LeasedRun("run-1", named(0, 0, "0")), waiting)
    asking = LeasedRun("run-3", named(count, more, "2"))
    if count + more > Request.MAX_NAMED:
        with pytest.raises(Refusal) as refused:
            lease.acquire(asking, "run-4")
        assert refused.value.code == "TooManyAccounts"
    else:
        changed, answering = lease.acquire(asking, "run-4")
        assert answering.request.named == waiting.request.named | asking.request.named
        assert changed.pending == answering
        assert all(answering.request.kinds_for(one) for one in answering.request.named)


def test_of_many_new_accounts_the_newest_are_remembered() -> None:
    """The older ones have had the most time to become ready."""
    times = {
        f"{number:012d}": f"2026-11-01T10:{number // 60:02d}:{number % 60:02d}.000+00:00" for number in range(1500)
    }
    request = Request(Cause.ACCOUNT_CREATED, None, None, frozenset(Kind), new_accounts=times).bounded()
    assert set(request.new_accounts) == set(list(times)[-Request.MAX_NEW_ACCOUNTS :])


@pytest.mark.parametrize("absent", ["initiators", "urgent", "fresh", "new_accounts", "named", "rest"])
def test_a_request_of_an_earlier_release_is_readable(absent: str) -> None:
    """Lacking fields get their defaults."""
    document = Request(Cause.SCHEDULE, None, None, frozenset(Kind), event_ids=("e",)).to_json()
    del document[absent]
    assert Request.from_json(document) == Request(Cause.SCHEDULE, None, None, frozenset(Kind), event_ids=("e",))
