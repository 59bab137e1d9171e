"""The source: read until two reads agree, judged kind by kind, and read once more at the end."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.config import ContactSyncConfig, parse
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.errors import SourceUnreadable
from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.core.source import Source
from orgsync.contact_sync.names import ALTERNATES, Cause, Kind, Operation
from orgsync.sandbox.contact_sync.simulation import EPOCH, VirtualClock, run
from orgsync.sandbox.model.organization import MANAGEMENT, make_contact
from orgsync.shared.clock import timestamp
from orgsync.shared.errors import AccessDenied, CallError, ServiceFailed, Throttled
from orgsync.shared.rate_limiter import RateLimiter, TokenBucket

Answer = Contact | None | type[CallError]

FLAWED = {
    Kind.PRIMARY: {"PhoneNumber": "555 0100"},
    Kind.BILLING: {"EmailAddress": "not an address"},
    Kind.OPERATIONS: {"Title": "t" * 51},
    Kind.SECURITY: {"Name": " "},
}


def contact(kind: Kind, seed: int = 1) -> Contact:
    """Return a contact that AWS takes."""
    return Contact.of(kind, make_contact(seed, MANAGEMENT, kind))


def flawed(kind: Kind) -> Contact:
    """Return a contact that AWS would refuse to write."""
    return Contact.of(kind, make_contact(1, MANAGEMENT, kind) | FLAWED[kind])


class ScriptedSource:
    """A source that answers each read of a kind by the next answer, and then by the last for ever.

    Attributes:
        reads: the virtual seconds of each read, by kind.
    """

    def __init__(self, answers: Mapping[Kind, Sequence[Answer]]) -> None:
        self._answers = {kind: list(script) for kind, script in answers.items()}
        self.reads: dict[Kind, list[float]] = {kind: [] for kind in answers}

    async def read(self, account: str | None, kind: Kind) -> Contact | None:
        """See `Contacts.read`."""
        assert account is None
        self.reads[kind].append(VirtualClock().monotonic())
        script = self._answers[kind]
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, type):
            raise answer("the management account")
        return answer

    async def write(self, account: str, contact: Contact) -> None:
        """See `Contacts.write`."""
        pytest.fail("the source is never written")

    async def delete(self, account: str, kind: Kind) -> None:
        """See `Contacts.delete`."""
        pytest.fail("the source is never written")


def limiter() -> RateLimiter:
    """Return a rate limiter that lets everything through."""
    return RateLimiter({operation: TokenBucket(1000, 2000) for operation in Operation}, VirtualClock())


def read(source: ScriptedSource, config: ContactSyncConfig, changed_at: str | None = None) -> Source:
    """Read every kind of the script, in virtual time."""

    async def whole() -> Source:
        return await Source.read(source.reads, source, config, limiter(), VirtualClock(), changed_at)

    return run(whole())


def look_again(
    seen: Source, source: ScriptedSource, config: ContactSyncConfig, changed_at: str | None = None
) -> frozenset[Kind]:
    """Read once more, in virtual time from zero."""

    async def whole() -> frozenset[Kind]:
        return await seen.changed_since(source, config, limiter(), VirtualClock(), changed_at)

    return run(whole())


DELAYS = st.sampled_from((0, 0.01, 0.25, 0.5, 0.8))
VALUES = st.sampled_from([contact(Kind.BILLING, seed) for seed in (1, 2, 3)] + [None])


@given(script=st.lists(VALUES, min_size=1, max_size=40), attempts=st.integers(1, 10), delay=DELAYS)
def test_a_kind_is_what_two_reads_one_after_the_other_agree_on(
    script: list[Contact | None], attempts: int, delay: float
) -> None:
    """The first agreement counts, be it that there is no contact; without one the kind is unreadable, and that is all.

    Reads are bounded, and never at the same moment, however short the configured waits are.
    """
    config = parse({"verify_config": {"delay": delay, "max_attempts": attempts}, "retry_config": {"base_delay": 0}})
    source = ScriptedSource({Kind.BILLING: script})
    found = read(source, config)
    reads = source.reads[Kind.BILLING]
    shown = [*script, script[-1], *([script[-1]] * len(reads))][: len(reads)]
    assert 2 <= len(reads) <= max(attempts, 3) + 1
    assert all(later - sooner >= max(delay, 0.5) - 1e-6 for sooner, later in itertools.pairwise(reads))
    assert not any(a == b for a, b in itertools.pairwise(shown[:-1])), "an agreement was overlooked"
    if shown[-1] == shown[-2]:
        wanted = {Kind.BILLING: shown[-1]} if shown[-1] else {}
        assert found == Source(wanted, missing=frozenset() if wanted else frozenset({Kind.BILLING}))
    else:
        assert set(found.unreadable) == {Kind.BILLING}
        assert str(found.unreadable[Kind.BILLING]) == "billing: no two reads agreed"


STATES = st.sampled_from(["there", "missing", "flawed", "refused", "failing"])


@given(states=st.dictionaries(st.sampled_from(list(Kind)), STATES, min_size=1))
def test_a_kind_says_nothing_of_another(states: dict[Kind, str]) -> None:
    """Whatever is wrong with some kinds, each is in the one place that its own reads put it in."""
    answers: dict[Kind, list[Answer]] = {}
    for kind, state in states.items():
        usable: Answer = contact(kind)
        by_state: dict[str, Answer] = {
            "there": usable,
            "missing": None,
            "flawed": flawed(kind),
            "refused": AccessDenied,
            "failing": ServiceFailed,
        }
        answers[kind] = [by_state[state]]
    found = read(ScriptedSource(answers), parse({}))
    gone = {kind for kind, state in states.items() if state == "missing"}
    assert found.contacts == {kind: contact(kind) for kind, state in states.items() if state == "there"}
    # Every account has a primary contact: an answer that says otherwise is a contact without its fields.
    assert found.missing == gone & ALTERNATES
    assert set(found.flawed) == {kind for kind, state in states.items() if state == "flawed"} | gone - ALTERNATES
    assert set(found.unreadable) == {kind for kind, state in states.items() if state in ("refused", "failing")}
    for kind, errors in found.flawed.items():
        assert f"{kind}." in errors
        assert not any(value.strip() in errors for value in FLAWED[kind].values() if value.strip())
    for kind, error in found.unreadable.items():
        assert str(error) == f"{kind}: {'AccessDenied' if states[kind] == 'refused' else 'ServiceFailed'}"


LATER: dict[str, Answer] = {
    "same": contact(Kind.SECURITY),
    "another": contact(Kind.SECURITY, 2),
    "missing": None,
    "flawed": flawed(Kind.SECURITY),
    "refused": AccessDenied,
}


@pytest.mark.parametrize("later", sorted(LATER))
@pytest.mark.parametrize("before", sorted(LATER))
def test_the_last_look_names_what_is_something_else_now(before: str, later: str) -> None:
    """Every change between the run's reads and the last is seen; a look that fails says nothing."""
    seen = read(ScriptedSource({Kind.SECURITY: [LATER[before]]}), parse({}))
    noted = seen.noted_in(Run("run-1", Cause.SCHEDULE, timestamp(EPOCH), timestamp(EPOCH)))
    changed = look_again(
        Source.seen_by(noted, {Kind.SECURITY}), ScriptedSource({Kind.SECURITY: [LATER[later]]}), parse({})
    )
    assert changed == (frozenset() if later in (before, "refused") else {Kind.SECURITY})


@given(
    age=st.floats(-1000, 1000), attempts=st.integers(1, 4), delay=st.floats(0.5, 10), kind=st.sampled_from(list(Kind))
)
def test_an_edit_is_given_the_time_that_aws_may_take_to_show_it(
    age: float, attempts: int, delay: float, kind: Kind
) -> None:
    """The first read comes a wait after the edit, the last one all waits after it; an event's odd time costs no more.

    Where no event spoke of the source nothing is waited for.
    """
    config = parse({"verify_config": {"delay": delay, "max_attempts": attempts}})
    waits = list(config.verify_config.delays())
    waits += waits[-1:] * (3 - len(waits))
    changed_at = timestamp(EPOCH - timedelta(seconds=age))
    source, last = ScriptedSource({kind: [contact(kind)]}), ScriptedSource({kind: [contact(kind)]})
    seen = read(source, config, changed_at)
    assert look_again(seen, last, config, changed_at) == frozenset()
    for first, wait in ((source.reads[kind][0], waits[0]), (last.reads[kind][0], sum(waits))):
        assert first == pytest.approx(min(max(wait - age, 0), wait), abs=0.01)
    unasked = ScriptedSource({kind: [contact(kind)]})
    look_again(seen, unasked, config)
    assert unasked.reads[kind] == [pytest.approx(0, abs=0.01)]


@given(attempts=st.integers(1, 10), delay=st.just(0.0) | st.floats(0.1, 60), flickering=st.booleans())
def test_no_wait_for_the_source_outlives_a_function(attempts: int, delay: float, flickering: bool) -> None:
    """However long the owner lets verification wait, reading is over in time, for the plan as for the last look."""
    config = parse(
        {
            "verify_config": {"delay": delay, "max_attempts": attempts if delay < 0.5 else min(attempts, 3)},
            "retry_config": {"base_delay": 0},
        }
    )
    shown = [contact(Kind.BILLING, seed) for seed in (1, 2)] * 20 if flickering else [contact(Kind.BILLING)]
    source, last = ScriptedSource({Kind.BILLING: shown}), ScriptedSource({Kind.BILLING: shown})
    seen = read(source, config, timestamp(EPOCH))
    look_again(seen, last, config, timestamp(EPOCH))
    assert source.reads[Kind.BILLING][-1] - source.reads[Kind.BILLING][0] <= 300.01
    assert source.reads[Kind.BILLING][0] <= 100.01
    assert last.reads[Kind.BILLING][0] <= 300.01


@pytest.mark.parametrize(("throttled", "readable"), [(150.0, True), (450.0, True), (700.0, False)])
def test_a_source_that_is_throttled_for_minutes_is_read(throttled: float, readable: bool) -> None:
    """A 429 is no failure for as long as a plan can wait for the source."""

    class Busy(ScriptedSource):
        async def read(self, account: str | None, kind: Kind) -> Contact | None:
            if VirtualClock().monotonic() < throttled:
                raise Throttled("the management account")
            return await super().read(account, kind)

    seen = read(Busy({kind: [contact(kind)] for kind in Kind}), parse({}))
    assert set(seen.contacts) == (set(Kind) if readable else set())
    assert set(seen.unreadable) == (set() if readable else set(Kind))


def test_an_odd_answer_is_one_kinds_own() -> None:
    """An answer that nobody expects stops its kind, and no run: neither its plan nor its end."""

    class Odd(ScriptedSource):
        async def read(self, account: str | None, kind: Kind) -> Contact | None:
            if kind is Kind.BILLING:
                raise KeyError("AlternateContact")
            return await super().read(account, kind)

    source = Odd({Kind.BILLING: [None], Kind.SECURITY: [contact(Kind.SECURITY)]})
    seen = read(source, parse({}))
    assert str(seen.unreadable[Kind.BILLING]) == "billing: KeyError"
    assert set(seen.contacts) == {Kind.SECURITY}
    assert look_again(seen, source, parse({})) == frozenset()


def test_a_header_says_what_stops_a_kind() -> None:
    """Kinds, fields and rules, or the failure's code; no value."""
    source = Source(
        flawed={Kind.PRIMARY: "primary.PhoneNumber must be a phone number that begins with +"},
        unreadable={Kind.BILLING: SourceUnreadable("billing: AccessDenied")},
    )
    noted = source.noted_in(Run("run-1", Cause.SCHEDULE, timestamp(EPOCH), timestamp(EPOCH)))
    assert noted.error is None
    assert noted.detail == "primary.PhoneNumber must be a phone number that begins with +; billing: AccessDenied"
    assert noted.unreadable == {Kind.BILLING: "billing: AccessDenied"}
