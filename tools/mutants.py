"""Faults that a hand might put in, each applied alone to a copy of the tree: the tests beside it must fail.

    python -m tools.mutants [part of a name ...]

A fault that no test finds is a promise that nothing keeps. Exit code 1: a fault survived, or the text that it replaces
is gone.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 300
"""Seconds that the tests of one fault may take; a fault that keeps them from ending is found."""

_ENVIRONMENT = {**os.environ, "CI": "1", "ORGSYNC_REQUIRE_ENGINE": "0"}
"""The same examples each time, and no engine: a few tests are no whole run."""


@dataclass(frozen=True)
class Fault:
    """A fault: the text of a file that it replaces, and the tests that must find it.

    Attributes:
        file: a path below the root, where the code really lives and not by way of a link.
        old: text that stands there exactly once.
        tests: arguments of pytest.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, text: str) -> str:
        """Return the text with the fault in it.

        Raises:
            ValueError: the text that it replaces is gone, or stands more than once.
        """
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file}: stands {text.count(self.old)} times: {self.old}")
        return text.replace(self.old, self.new)


CORE, SHARED, SYNC, HANDLERS, COMPONENTS = (
    "orgsync/contact_sync/core",
    "orgsync/shared",
    "orgsync/contact_sync",
    "handlers/contact_sync",
    "components/contact_sync",
)

FAULTS = (
    Fault(
        "a deletion by absence",
        f"{CORE}/account_sync.py",
        "if desired is None and (kind is Kind.PRIMARY or kind not in self._deletions):",
        "if desired is None and kind is Kind.PRIMARY:",
        ("tests/unit/test_account_sync.py",),
    ),
    Fault(
        "an exclusion that fails open",
        f"{CORE}/account_sync.py",
        "        tags = await self._tags(self._tag_caller)\n",
        "        try:\n            tags = await self._tags(self._tag_caller)\n"
        "        except CallError:\n            tags = {}\n",
        ("tests/unit/test_worker.py",),
    ),
    Fault(
        "an excluded account that is compared",
        f"{CORE}/selection.py",
        "reason = SyncReason.EXCLUDED if rules else None if account.active else SyncReason.NOT_ACTIVE",
        "reason = None if account.active else SyncReason.NOT_ACTIVE",
        ("tests/unit/test_selection.py",),
    ),
    Fault(
        "the management account as a target",
        f"{CORE}/selection.py",
        "if account.id == management or not kinds:",
        "if not kinds:",
        ("tests/unit/test_selection.py",),
    ),
    Fault(
        "one retry more",
        f"{SHARED}/retries.py",
        "self._delays = iter(delays)",
        "self._delays = iter((*delays, 2.0))",
        ("tests/unit/test_retries.py", "tests/unit/test_worker.py"),
    ),
    Fault(
        "a 429 that counts as a failure",
        f"{SHARED}/retries.py",
        "if self._limiter.silence(operation) >= self.patience:",
        "if True:",
        ("tests/unit/test_retries.py", "tests/unit/test_worker.py"),
    ),
    Fault(
        "ten batches at once",
        f"{COMPONENTS}/state_machine.py",
        '"MaxConcurrency": 1,',
        '"MaxConcurrency": 10,',
        ("tests/components/test_documents.py",),
    ),
    Fault(
        "receipts before the writes",
        f"{CORE}/worker.py",
        "        if self._apply:\n            await account.apply(changes)\n        later = account.postponed()\n",
        "        await self._emit([one for one in account.receipts() if one.kind not in account.postponed()])\n"
        "        if self._apply:\n            await account.apply(changes)\n        later = account.postponed()\n",
        ("tests/handlers/test_receipts.py", "tests/handlers/test_process.py", "tests/unit/test_worker.py"),
    ),
    Fault(
        "a write without its intent",
        f"{CORE}/account_sync.py",
        "await state.caller.call(_operation(change), write, partial(self._intend, kind))",
        "await state.caller.call(_operation(change), write)",
        ("tests/unit/test_account_sync.py",),
    ),
    Fault(
        "a write that nobody verifies",
        f"{CORE}/account_sync.py",
        "        await self._verify(change)\n",
        "",
        ("tests/unit/test_worker.py",),
    ),
    Fault(
        "a worker blind to a stop",
        f"{HANDLERS}/process.py",
        "while not await self._answered(states.is_stopped, run_id):",
        "while await self._answered(states.is_stopped, run_id) is not None:",
        ("tests/handlers/test_process.py",),
    ),
    Fault(
        "an intent of a run that has ended",
        f"{SYNC}/adapters/state_table.py",
        'write(TransactItems=[{"ConditionCheck": check}, *puts])',
        "write(TransactItems=puts)",
        ("tests/contracts/test_state_store.py",),
    ),
    Fault(
        "a header saved over another's",
        f"{SYNC}/adapters/state_table.py",
        "        raise RunConflict(run.run_id)\n\n",
        "        return saved\n\n",
        ("tests/contracts/test_state_store.py",),
    ),
    Fault(
        "a closed run that is closed again",
        f"{SYNC}/finalize.py",
        "_finish(run, services) if run.closed else _close(run, died, services)",
        "_close(run, died, services)",
        ("tests/handlers/test_finalize.py",),
    ),
    Fault(
        "a second notice",
        f"{SYNC}/finalize.py",
        "if outcome.notify and not run.notified and notify(",
        "if outcome.notify and notify(",
        ("tests/handlers/test_finalize.py",),
    ),
    Fault(
        "no grace for a worker that died",
        f"{SYNC}/finalize.py",
        "        asyncio.run(services.clock.sleep(_GRACE))\n",
        "",
        ("tests/handlers/test_interleavings.py", "tests/handlers/test_finalize.py", "tests/handlers/test_process.py"),
    ),
    Fault(
        "accounts that a dead run leaves without a receipt",
        f"{SYNC}/finalize.py",
        "    services.states.save_receipts(missing, run.run_id)\n",
        "",
        ("tests/handlers/test_finalize.py",),
    ),
    Fault(
        "a wrong limit of the breaker",
        f"{SHARED}/breaker.py",
        "_REFUSALS = 5",
        "_REFUSALS = 50",
        ("tests/unit/test_breaker.py",),
    ),
    Fault(
        "a breaker for all operations",
        f"{SHARED}/retries.py",
        "circuit = self._breakers.of(operation)",
        'circuit = self._breakers.of("every")',
        ("tests/simulation/test_partial_failure.py",),
    ),
    Fault(
        "a rate above the quota",
        f"{SHARED}/rate_limiter.py",
        "self._tokens = min(self._tokens + elapsed * self._rate, self._burst)",
        "self._tokens = min(self._tokens + elapsed * self._rate * 2, self._burst)",
        ("tests/unit/test_rate_limiter.py", "tests/simulation/test_pace.py"),
    ),
    Fault(
        "accounts that are last in every run",
        f"{HANDLERS}/process.py",
        '    Random(f"{run_id}/{batch}").shuffle(missing)\n',
        "",
        ("tests/handlers/test_process.py",),
    ),
    Fault(
        "a lease that two runs hold",
        f"{CORE}/lease.py",
        "        if self.holder is None:\n            granted",
        "        if self.holder is None or self.holder.preempted:\n            granted",
        ("tests/unit/test_lease.py", "tests/handlers/test_plan.py", "tests/simulation/test_handover.py"),
    ),
    Fault(
        "a request that waits and is forgotten",
        f"{CORE}/lease.py",
        "pending = LeasedRun(self.pending.run_id, self.pending.request.merged(run.request))",
        "pending = LeasedRun(self.pending.run_id, run.request)",
        ("tests/unit/test_lease.py",),
    ),
    Fault(
        "a rest that nobody takes up",
        f"{CORE}/lease.py",
        "following = self.pending.taking_up(left) if left else self.pending",
        "following = self.pending",
        ("tests/unit/test_lease.py", "tests/handlers/test_plan.py"),
    ),
    Fault(
        "an edit that waits for the whole pass",
        f"{CORE}/lease.py",
        "or not self.pending.request.urgent:",
        "or self.pending.request.urgent:",
        ("tests/unit/test_lease.py", "tests/simulation/test_handover.py"),
    ),
    Fault(
        "a source that is read once",
        f"{CORE}/source.py",
        "            if now == before:\n                return now\n",
        "            return now\n",
        ("tests/unit/test_source.py",),
    ),
    Fault(
        "no last look at the source",
        f"{SYNC}/next_run.py",
        "    if not changed:\n        return\n",
        "    if changed or not changed:\n        return\n",
        ("tests/handlers/test_read_again.py",),
    ),
    Fault(
        "new accounts that are given up at once",
        f"{SYNC}/next_run.py",
        "            if receipt.error == SyncReason.NOT_YET:",
        "            if receipt.error is None:",
        ("tests/handlers/test_plan.py",),
    ),
    Fault(
        "our own writes as events of a source",
        f"{CORE}/trigger.py",
        "if account == management and member is not None:",
        "if False:",
        ("tests/unit/test_trigger.py",),
    ),
    Fault(
        "a forged recipient that is believed",
        f"{CORE}/trigger.py",
        "    if recipient is not None and recipient != account:\n",
        "    if False:\n",
        ("tests/unit/test_trigger.py",),
    ),
    Fault(
        "a pause that is ignored",
        f"{HANDLERS}/plan.py",
        "    if config.paused:\n",
        "    if False:\n",
        ("tests/handlers/test_plan.py",),
    ),
    Fault(
        "a refused run that keeps the lease",
        f"{HANDLERS}/plan.py",
        "    release_lease(run_id, services)\n    # A pause",
        "    # A pause",
        ("tests/handlers/test_plan.py",),
    ),
    Fault(
        "a contact in the log",
        f"{HANDLERS}/process.py",
        '            log("account done", **receipt.to_json())',
        '            log("account done", **receipt.to_json(), source=[c.fields for c in self._run.source.values()])',
        ("tests/handlers/test_canary.py",),
    ),
    Fault(
        "a key policy without alarms",
        f"{COMPONENTS}/resource_policies.py",
        '        service_key_use("Alarms", "cloudwatch.amazonaws.com", from_own(context, context.alarms)),\n',
        "",
        ("tests/components",),
    ),
    Fault(
        "a rule without a dead-letter queue",
        f"{COMPONENTS}/event_rules.py",
        '            dead_letter_config={"arn": self.failed_events},\n            opts',
        "            opts",
        ("tests/components",),
    ),
)


def copy(target: Path) -> None:
    """Copy what git knows of the tree, changes that are not committed among it, with its links."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name, follow_symlinks=False)


def passes(tree: Path, tests: Iterable[str], seconds: float = LONGEST) -> bool:
    """Run tests in a tree; return whether they passed in time."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        return subprocess.run(command, cwd=tree, env=_ENVIRONMENT, capture_output=True, timeout=seconds).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def survives(fault: Fault, tree: Path) -> bool:
    """Apply a fault to a copy of the tree, run its tests, and take it back; return whether they passed."""
    file = tree / fault.file
    text = file.read_text()
    file.write_text(fault.applied(text))
    try:
        return passes(tree, fault.tests)
    finally:
        file.write_text(text)


def survivors(faults: Iterable[Fault]) -> list[str]:
    """Return the names of the faults that no test finds; progress goes to stderr.

    Raises:
        RuntimeError: the tests fail without any fault, so that they would find everything.
    """
    faults, found = list(faults), []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        copy(tree)
        tests = sorted({test for fault in faults for test in fault.tests})
        if not passes(tree, tests, LONGEST * len(tests)):
            raise RuntimeError(f"these tests fail without a fault: {' '.join(tests)}")
        for fault in faults:
            survived = survives(fault, tree)
            print(f"{'SURVIVED' if survived else 'found   '}  {fault.name}", file=sys.stderr, flush=True)
            found += [fault.name] if survived else []
    return found


def main(parts: list[str]) -> int:
    """Apply the faults whose names hold one of these parts, or all; return the exit code."""
    faults = [fault for fault in FAULTS if not parts or any(part in fault.name for part in parts)]
    if not faults:
        print("No fault has such a name.", file=sys.stderr)
        return 1
    left = survivors(faults)
    print(f"{len(faults) - len(left)} of {len(faults)} faults are found by a test.")
    return int(bool(left))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
