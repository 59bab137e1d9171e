"""Entry point `process`: one batch of accounts is compared and written, and leaves its receipts."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any, TypeVar

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.account_sync import SyncContext
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.bounds import WorkerBounds
from orgsync.contact_sync.core.errors import RunConflict, SyncReason
from orgsync.contact_sync.core.handover import UntilHandover
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.core.worker import process_batch
from orgsync.contact_sync.names import Kind, Metric, Operation
from orgsync.contact_sync.services import Services
from orgsync.shared.aws import LONGEST_CALL
from orgsync.shared.breaker import CircuitBreakers
from orgsync.shared.clock import timestamp
from orgsync.shared.errors import StoreFailed, Throttled
from orgsync.shared.telemetry import entry_point, logger, metrics

_Answer = TypeVar("_Answer")

_BEGIN_NO_MORE = 60.0
"""Seconds before the time limit at which no further account is begun: its retries need 14."""

_LET_GO = 10.0
"""Seconds before the time limit at which what is still under way is left for the next invocation."""

_COMPARES = 60.0
"""Seconds that a run may take to compare its first account before it makes way all the same: verification may be set to
last for minutes, and in a deployment's first minutes a refusal is asked again."""

_CONTROL_THREADS = 2
"""Threads of the control path: one look for a stop and one transaction at a time."""

_MAY_SEND = {"overlapped": "perhaps"}
"""Note of a life that has ended while a call of its own, or of another, may still be under way."""

_BREAKERS = "breakers"
"""Name of the notes in which the batches of a run hand on what their breakers know."""


@entry_point
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process one batch; see `process`."""
    return process(
        event["run_id"],
        event["batch"],
        lambda: context.get_remaining_time_in_millis() / 1000,
        Services.of_environment(),
        # An execution of an earlier machine does not hand it on: every life of its worker ends what it held.
        throttled=event.get("throttled", True),
    )


def process(
    run_id: str,
    batch: int,
    remaining: Callable[[], float],
    services: Services,
    concurrency: int = 64,
    *,
    throttled: bool = False,
) -> dict[str, Any]:
    """Process one batch. Doing it again works on what has no receipt yet.

    Args:
        remaining: seconds until the function is ended.
        concurrency: accounts under way at once.
        throttled: the answer's `throttled` of the life before this one.

    Returns:
        `done`: whether every account of the batch has its receipts, or may get none from here any more; if not, hand it
        in again.
        `throttled`: whether this life was throttled and brought no receipt, and the life before it was not. Any other
        life that began an account brings receipts, so that the batch comes to its end.

    Raises:
        RunConflict: the run is not planned. Its plan may be writing the header at this moment, so this is no answer:
            asked again the batch is done, and asked in vain its accounts end as `WorkerDied`.
    """
    run = services.states.run(run_id)
    if run is None or run.status is not RunStatus.IN_PROGRESS or run.error or services.states.lease().made_way(run_id):
        return {"done": True, "throttled": False}
    if not run.planned:
        raise RunConflict("the run is not planned")
    config = services.configs.at(run.config_version)
    targets = services.bucket.batch(run_id, batch, run.attempt)
    accounts = sorted(target.account for target in targets)
    if not accounts:
        return {"done": True, "throttled": False}
    between = (accounts[0], accounts[-1])
    intents = services.states.intents(run_id, between)
    missing = _without_receipts(targets, services.states.receipts(run_id, between))
    # Nobody is last in every run; within a run the order is the same for every life.
    Random(f"{run_id}/{batch}").shuffle(missing)
    known = services.states.notes(run_id, _BREAKERS)
    breakers, throttles = CircuitBreakers(known), Counter[str]()
    begun = {"begun": services.new_id()}
    # The life before may only seem to have ended: its caller has given up, and it may still send what it recorded.
    if overlapped := services.states.save_notes(run_id, Run.LIVES, begun) not in ({}, begun):
        begun |= _MAY_SEND
        services.states.save_notes(run_id, Run.LIVES, begun)
    noted = services.states.notes(run_id, _retries_of(batch))
    life = _Life(run, batch, services, remaining, intents, _retries(noted), throttled)
    try:
        done = asyncio.run(life.work(missing, config, breakers, throttles, concurrency))
    finally:
        # A life that an error ends has learned it too: the next one would ask everybody again.
        if breakers.saved() != known and not services.states.is_stopped(run_id):
            services.states.save_notes(run_id, _BREAKERS, breakers.saved())
    spent = {f"{account}#{kind}": str(count) for (account, kind), count in life.retries.items()}
    if not done and spent != noted:
        services.states.save_notes(run_id, _retries_of(batch), spent)
    services.states.save_notes(run_id, Run.LIVES, _MAY_SEND if overlapped or life.unanswered else {}, over=begun)
    metrics.add_metric(Metric.HEARTBEAT, MetricUnit.Count, 1)
    metrics.add_metric(Metric.THROTTLES, MetricUnit.Count, throttles.total())
    logger.info("batch processed", run_id=run_id, batch=batch, done=done, breakers=breakers.opened)
    return {"done": done, "throttled": life.throttled}


def _without_receipts(targets: Sequence[Target], receipts: Iterable[Receipt]) -> list[Target]:
    saved = {(receipt.account, receipt.kind) for receipt in receipts}
    missing = [replace(t, kinds=tuple(kind for kind in t.kinds if (t.account, kind) not in saved)) for t in targets]
    return [target for target in missing if target.kinds]


def _retries_of(batch: int) -> str:
    return f"retries of batch {batch}"


def _retries(noted: Mapping[str, str]) -> dict[tuple[str, Kind], int]:
    """Return the retries that were noted; what a hand damaged counts as none."""
    parts = {key.partition("#")[::2]: count for key, count in noted.items() if count.isdecimal()}
    return {(account, Kind(kind)): int(count) for (account, kind), count in parts.items() if kind in list(Kind)}


class _Life:
    """One life of the function: what it began, what it wrote down, and how it ends.

    Attributes:
        throttled: whether it brought nothing because AWS let hardly a call through, for the first time.
        retries: those that accounts and kinds without receipts have spent, in earlier lives as well.

    The look for a stop, and intents and receipts, have threads of their own: they never wait behind calls about
    contacts and tags.
    """

    def __init__(
        self,
        run: Run,
        batch: int,
        services: Services,
        remaining: Callable[[], float],
        intents: Mapping[tuple[str, Kind], tuple[str, ...]],
        retries: dict[tuple[str, Kind], int],
        throttled_before: bool,
    ) -> None:
        self.throttled = False
        self.retries = retries
        self._throttled_before = throttled_before
        self._run = run
        self._contacts = UntilHandover(services.contacts)
        self._compared = batch > 0
        self._services = services
        self._remaining = remaining
        self._earlier_intents = intents
        self._intents: dict[tuple[str, Kind], tuple[str, ...]] = dict(intents)
        self._begun: list[Target] = []
        self._brought = False
        self._began = services.clock.monotonic()

    @property
    def unanswered(self) -> bool:
        """Return whether a call that writes was let go before its answer."""
        return self._contacts.unanswered

    async def work(
        self,
        targets: Sequence[Target],
        config: ContactSyncConfig,
        breakers: CircuitBreakers,
        throttles: Counter[str],
        concurrency: int,
    ) -> bool:
        """Work until all is done, time is short, or the run is stopped; return whether nothing is left to do here."""
        services = self._services
        # Transactions of one worker would conflict with each other, on the header that each of them checks.
        self._one_at_a_time = asyncio.Lock()
        with ThreadPoolExecutor(_CONTROL_THREADS) as self._control:
            run = self._run
            context = SyncContext(
                self._contacts,
                services.organization,
                self._run.source,
                config,
                services.limiter(config),
                services.clock,
                self._record_intents,
                self._earlier_intents,
                breakers,
                throttles,
                run.unready(services.clock.now(), config.new_accounts.patience),
                datetime.fromisoformat(run.fresh_until) if run.fresh_until else None,
                run.deletions,
                self.retries,
            )
            working = asyncio.ensure_future(
                process_batch(
                    targets,
                    context,
                    self._emit,
                    concurrency=concurrency,
                    begin=self._begun.append,
                    stop=lambda: self._contacts.begun or self._remaining() < _BEGIN_NO_MORE,
                    patience=max(self._remaining() - _LET_GO, 0),
                )
            )
            watching = asyncio.ensure_future(self._watch_for_stop())
            await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
            watching.cancel()
            if self._contacts.begun:
                # What was sent has ended by then; what only waits for its token is the waiting run's.
                await asyncio.wait((working,), timeout=LONGEST_CALL + 1)
            if not working.done():
                working.cancel()
                await asyncio.wait((working,))
                watching.result()  # a look that failed says nothing of the run: raised, the batch is done again
                return True
            try:
                done = working.result()
                if done or self._brought or not self._begun or self._contacts.begun:
                    return done or self._contacts.begun
                if throttles and not self._throttled_before:
                    # AWS may let calls through again; a quarter of an hour is over only in the next life.
                    self.throttled = True
                    return False
                # The next life would begin with the same accounts and end like this one.
                silent = {one for one in Operation if context.limiter.silence(one) > self._lived() / 2}
                await self._emit([receipt for target in self._begun for receipt in self._given_up(target, silent)])
            except RunConflict:
                return True
            return len(self._begun) == len(targets)

    async def _record_intents(
        self, account: str, fields: Mapping[Kind, tuple[str, ...]], deletions: Collection[Kind] = ()
    ) -> None:
        async with self._one_at_a_time:
            at = timestamp(self._services.clock.now())
            record = self._services.states.record_intents
            await self._answered(record, account, fields, deletions, self._run.run_id, at)
        self._intents |= {(account, kind): changed for kind, changed in fields.items()}

    async def _emit(self, receipts: Sequence[Receipt]) -> None:
        async with self._one_at_a_time:
            self._brought = self._compared = True
            for receipt in receipts:
                self.retries.pop((receipt.account, receipt.kind), None)
            # Not bounded in time: a receipt that comes late is written while the run is in progress, or not at all.
            save = self._services.states.save_receipts
            await asyncio.get_running_loop().run_in_executor(self._control, save, receipts, self._run.run_id, True)
        for receipt in receipts:
            log = logger.warning if receipt.status is Status.FAILED else logger.debug
            log("account done", **receipt.to_json())

    async def _watch_for_stop(self) -> None:
        """Return when the run was stopped, or makes way for a change of the source."""
        states, run_id = self._services.states, self._run.run_id
        while not await self._answered(states.is_stopped, run_id):
            if self._may_make_way() and await self._answered(states.update_lease, lambda lease: lease.preempt(run_id)):
                self._contacts.begun = True
                return
            await self._services.clock.sleep(WorkerBounds.LOOK)

    async def _answered(self, ask: Callable[..., _Answer], *arguments: object) -> _Answer:
        """Ask in a thread of the control path.

        Raises:
            StoreFailed: there was no answer in time: a worker that does not know of its run must not go on.
        """
        asked = asyncio.get_running_loop().run_in_executor(self._control, ask, *arguments)
        try:
            # Not `wait_for`: until Python 3.12 it swallows a cancellation that meets the answer.
            async with asyncio.timeout(WorkerBounds.ANSWER):
                return await asked
        except TimeoutError as error:
            raise StoreFailed(f"no answer within {WorkerBounds.ANSWER:.0f} seconds") from error

    def _may_make_way(self) -> bool:
        """Return whether an account was compared, or none could be for long.

        A change in every minute could else keep a run from ever coming to what a run before it has left.
        """
        return self._compared or self._lived() > _COMPARES

    def _lived(self) -> float:
        return self._services.clock.monotonic() - self._began

    def _given_up(self, target: Target, silent: Collection[Operation]) -> Iterator[Receipt]:
        """Yield receipts of what took the whole life; where AWS let no call of an operation through, that is why."""
        at = timestamp(self._services.clock.now())
        for kind in target.kinds:
            changed = self._intents.get((target.account, kind), ())
            write = Operation.DELETE_ALTERNATE if kind in target.deletions else Operation.put(kind)
            throttled = not {Operation.get(kind), write, Operation.LIST_TAGS}.isdisjoint(silent)
            reason = Throttled.__name__ if throttled else SyncReason.OUT_OF_TIME
            yield Receipt(target.account, kind, Status.FAILED, at, changed, reason)
