"""Requests: two of them become one without losing work."""

import json

from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.names import Cause, Kind
from orgsync.shared.clock import as_timestamp

IDS = [f"{200_000_000_000 + number:012d}" for number in range(5)]
KINDS = st.frozensets(st.sampled_from(list(Kind)))
REQUESTS = st.builds(
    Request,
    cause=st.sampled_from(list(Cause)),
    initiator=st.one_of(st.none(), st.just("arn:aws:iam::1:user/ann")),
    triggered_at=st.one_of(st.none(), st.datetimes().map(lambda at: as_timestamp(at.isoformat()))),
    everyone=KINDS,
    accounts=st.dictionaries(st.sampled_from(IDS), st.frozensets(st.sampled_from(list(Kind)), min_size=1)),
    event_ids=st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=4, unique=True).map(tuple),
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
    assert merged.triggered_at == min(filter(None, (first.triggered_at, second.triggered_at)), default=None)


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


@given(request=REQUESTS)
def test_a_request_survives_json(request: Request) -> None:
    """A request that went through the lease or an execution's input is the same again."""
    assert Request.from_json(json.loads(json.dumps(request.to_json()))) == request
