"""A long pass and edits in its midst, in virtual time: the new value comes soon, the old one stops, nobody starves."""

from collections import defaultdict
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from orgsync.contact_sync.core.run import RunStatus
from orgsync.contact_sync.names import Kind
from orgsync.sandbox.model.account import ApiError
from orgsync.sandbox.model.organization import KINDS, make
from tests.sample_events import own_event, sample_event
from tests.timed import TimedWorld
from tests.world import schedule

WITHIN = 60.0
"""Seconds from an edit to the first write of the new value; the owner asks for five minutes."""

UNDER_WAY = 20.0
"""Seconds after an edit in which what was under way may still be written: a look, a token, a call."""


def old_values(world: TimedWorld, kind: str, value: str, since: float) -> list[float]:
    """Return the seconds after an edit at which something else than the new value was written."""
    return [at - since for at, _, written, held in world.written if written == kind and held != value and at > since]


@pytest.mark.parametrize(("size", "kind"), [(2_000, "security"), (10_000, "primary")])
def test_an_edit_does_not_wait_for_the_pass_that_goes_on(size: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the edit to the first write of the new value it takes less than a minute, however long the pass is."""
    world = TimedWorld(make(7, size), monkeypatch)
    world.services.configs.write({}, at=world.now(), by="test")
    edited = 300.0
    world.timeline.at(edited, partial(world.edit_source, kind, "New Name"))
    world.start("pass", schedule(), world.now())

    def seen() -> bool:
        return any(value == "New Name" for *_, value in world.written[-50:])

    world.live("pass", until=seen)
    first = next(at for at, *_, value in world.written if value == "New Name")
    assert first - edited < WITHIN
    assert all(late <= UNDER_WAY for late in old_values(world, kind, "New Name", edited))
    assert world.header("pass").preempted
    following = world.lease().holder
    assert following
    assert following.request.rest == "pass"
    # However much is left, only a reference to it stands in the lease and in the execution's input.
    assert len(str(world.lease())) < 2000
    assert len(str(world.executions.events()[following.run_id])) < 2000


@pytest.mark.parametrize(("every", "size", "batch_size"), [(60.0, 250, 60), (60.0, 250, 1000), (13.0, 120, 25)])
def test_edits_without_end_starve_nobody(
    every: float, size: int, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an edit in every minute, and faster, each account and kind of the pass is compared in a bounded number of
    runs; each run has one receipt for each of its accounts and kinds; when the edits stop, all are in sync."""
    world = TimedWorld(make(3, size), monkeypatch)
    world.services.configs.write({}, at=world.now(), by="test")
    world.start("pass", schedule(), world.now())
    kinds, edits = ("security", "billing", "primary"), 15
    for number in range(1, edits + 1):
        kind = kinds[number % len(kinds)]
        world.timeline.at(number * every, partial(world.edit_source, kind, f"N{number}"))
    world.live("pass", batch_size=batch_size)
    assert world.differing() == []
    assert world.holder() is None

    runs = [world.header(one) for one in world.started_runs()]
    ordered = sorted((run for run in runs if run.status is not RunStatus.MERGED), key=lambda run: run.started)
    assert sum(run.preempted for run in ordered) > 3
    compared: dict[tuple[str, str], int] = {}
    for position, run in enumerate(ordered):
        receipts = world.receipts(run.run_id)
        wanted = {(account, kind) for account, kinds in world.targets(run.run_id).items() for kind in kinds}
        assert {(one.account, str(one.kind)) for one in receipts} == wanted
        assert len(receipts) == len(wanted)
        assert {one.error for one in receipts} <= {None, "HandedOver"}
        done = [one for one in receipts if one.error is None]
        assert done, "a run made way before it had compared anything"
        for one in done:
            compared.setdefault((one.account, str(one.kind)), position)
    assert len(compared) == size * len(KINDS)
    # The pass needs about four fifths of a second an account; each run has its share of the time between two edits.
    assert max(compared.values()) <= size * 1.2 / max(every - UNDER_WAY, 5.0) + 5


@pytest.mark.parametrize(
    "settings", [{"verify_config": {"delay": 55, "max_attempts": 3}}, {"retry_config": {"base_delay": 50}}]
)
@pytest.mark.parametrize("edited", [20, 100])
def test_an_edit_waits_a_minute_at_most_for_a_first_account(
    settings: dict[str, Any], edited: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the owner lets a verification or a retry last, a run makes way although it has compared nothing.

    Planning comes before: it reads the source as far apart as verification looks.
    """
    world = TimedWorld(make(3, 200), monkeypatch)
    world.services.configs.write(settings, at=world.now(), by="test")
    until = 130.0 if "retry_config" in settings else 0.0

    def fail(operation: str, account: str) -> ApiError | None:
        failing = account != world.management and world.timeline.seconds() < until
        return ApiError("InternalServerException", "later") if failing else None

    monkeypatch.setattr(world, "refuses", fail)
    world.start("pass", schedule(), world.now())
    world.timeline.at(edited, partial(world.edit_source, "security", "New Name"))
    world.live("pass")
    assert world.header("pass").preempted
    ended = datetime.fromisoformat(str(world.header("pass").ended))
    assert (ended - datetime.fromisoformat(world.header("pass").started)).total_seconds() < 55 + max(edited, 60) + 30
    assert world.differing() == []


def test_every_account_of_a_rest_keeps_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """No account that was left by a run is overtaken, batch for batch, by one that the run had compared."""
    world = TimedWorld(make(3, 400), monkeypatch)
    world.services.configs.write({}, at=world.now(), by="test")
    world.start("pass", schedule(), world.now())
    for number in range(1, 6):
        world.timeline.at(number * 45.0, partial(world.edit_source, "security", f"N{number}"))
    world.live("pass", batch_size=40)
    ordered = sorted((world.header(one) for one in world.started_runs()), key=lambda run: run.started)
    taken_up = [(world.header(run.rest), run) for run in ordered if run.rest]
    assert len(taken_up) > 2
    for before, after in taken_up:
        left = {r.account for r in world.receipts(before.run_id) if r.error == "HandedOver"}
        position = defaultdict[bool, list[int]](list)
        for item in world.batches(after.run_id):
            for target in world.json(f"runs/{after.run_id}/batches/{item['batch']:05d}.json"):
                position[target["account"] in left].append(item["batch"])
        assert max(position[True]) <= min(position[False], default=10**9)
        assert len(world.batches(after.run_id)) <= 400 / 40 + 2


def test_what_waits_for_a_pass_is_only_what_need_not_be_urgent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new account, a member's edit, a schedule and an operator wait for the end of the run, as before."""
    world = TimedWorld(make(3, 60), monkeypatch)
    world.services.configs.write({}, at=world.now(), by="test")
    world.start("pass", schedule(), world.now())
    for moment, event in enumerate((schedule(), sample_event("account-created"), own_event("Operator")), start=1):
        world.timeline.at(moment * 5.0, partial(world.happen, event))
    world.live("pass")
    assert not world.header("pass").preempted
    assert set(world.ends("pass").values()) == {("success", None)}
    assert len(world.ends("pass")) == 60 * len(Kind)
