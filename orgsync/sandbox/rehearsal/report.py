"""The report of a rehearsal: the document of docs/scenario.md with a few more keys."""

from typing import Any

from orgsync.sandbox.rehearsal.observations import Observations
from orgsync.sandbox.rehearsal.session import Session
from orgsync.sandbox.rehearsal.snapshot import Snapshot, take_snapshot

Document = dict[str, Any]


def report(session: Session, observations: Observations, before: Snapshot, steps: list[Document]) -> Document:
    """Make the report, once the last step has ended.

    Beside docs/scenario.md's fields: `expect`; `as_expected`, which decides the exit code;
    `promises`, what steps were expected to do (a broken one is an error of its step, so it counts into `ok`);
    `undelivered`, events and messages that reached no target and no dead-letter queue; and the details of the
    system's assessment.
    """
    cloud, scenario = session.cloud, session.scenario
    after = take_snapshot(cloud, before.management)
    runs = observations.runs_by_start()
    end = session.system.assess(before, after, session.config, runs)
    ok = all(step["ok"] for step in steps)
    performed = [inner["step"] for step in steps for inner in step.get("steps", [step])]
    declared = [name for name in performed if name in ("deploy", "destroy")]
    return {
        "scenario": scenario.name,
        "engine": session.engine.name,
        "ok": ok,
        "converged": end.converged,
        "expect": scenario.expect,
        "as_expected": ok and (end.converged or scenario.expect != "converged"),
        "promises": [{"step": number, **promise} for number, step in enumerate(steps) for promise in step["promises"]],
        "steps": steps,
        "runs": runs,
        "refused": list(observations.refused.values()),
        "contacts": after.contacts,
        **end.details,
        "calls": cloud.account.calls,
        "writes": cloud.account.writes,
        "notifications": cloud.notifications,
        "dead_letters": observations.dead_letters,
        "undelivered": cloud.undelivered,
        "leftovers": cloud.leftovers() if declared[-1:] == ["destroy"] else [],
    }
