"""Notifications of a run: what happened, to which accounts, why, and what to do. Ids and kinds only."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from orgsync.contact_sync.core.outcome import RunOutcome, RunSummary
from orgsync.contact_sync.core.run import Run
from orgsync.shared.errors import error_class

MAX_ACCOUNTS = 20
MAX_STEPS = 5
MAX_TITLE, MAX_DESCRIPTION, MAX_STEP = 250, 8000, 350
"""Characters of a chat message's parts; AWS shortens longer ones [its guidelines for custom notifications]."""

HEADLINES = {
    "complete_failure": "no account could be brought in sync",
    "permission_errors": "AWS refused access to some accounts",
    "system_errors": "the run broke off",
    "partial_failure": "some accounts could not be brought in sync",
    "configuration_errors": "the configuration or the source needs a correction",
    "success_completion": "every account is in sync",
}


@dataclass(frozen=True)
class Notification:
    """A message to people: `subject` fits SNS's 100 characters of ASCII.

    `chat` is the same as a custom notification of Amazon Q Developer in chat applications: JSON text.
    """

    subject: str
    body: str
    chat: str = ""


def compose(run: Run, outcome: RunOutcome, summary: RunSummary, environment: str) -> Notification:
    """Write the notification of a run that has ended."""
    headline = HEADLINES[outcome.scenario]
    subject = f"[orgsync {environment}] {outcome.severity_name.upper()}: contact sync, {headline}"[:100]
    counts = summary.counts()
    lines = [
        f"Contact sync in {environment}: {headline}.",
        "",
        f"Run       {run.run_id}",
        f"Cause     {run.cause}" + (f", by {run.initiator}" if run.initiator else ""),
        f"Started   {run.started}",
        f"Result    {counts['success']} in sync ({summary.written} written), "
        f"{counts['skipped']} skipped, {counts['failed']} failed",
    ]
    reasons = [*([run.error] if run.error else []), *sorted(summary.errors)]
    for code in dict.fromkeys(reasons):
        if code not in summary.errors or code == run.error:
            head = f"{code}" + (f": {run.detail}" if run.detail else "")
        else:
            head = f"{code}: {summary.errors[code]} times"
        lines += ["", head, f"  {error_class(code).meaning()}", f"  What to do: {_remedy(code, environment)}"]
    if summary.failed_accounts:
        named = sorted(summary.failed_accounts)
        more = f" and {len(named) - MAX_ACCOUNTS} more" if len(named) > MAX_ACCOUNTS else ""
        lines += ["", f"Accounts  {', '.join(named[:MAX_ACCOUNTS])}{more}"]
    # Always with the stack's name: several may stand in one account and region.
    commands = {"All receipts": f"orgsync status {run.run_id} --stack {environment}"}
    if outcome.scenario != "success_completion":
        commands["Try again"] = f"orgsync sync --stack {environment}"
    lines += ["", *(f"{what + ':':<13} {command}" for what, command in commands.items())]
    remedies = [_remedy(code, environment) for code in dict.fromkeys(reasons)]
    last = [f"{what}: `{command}`" for what, command in commands.items()]
    steps = [*remedies[: MAX_STEPS - len(last)], *last]
    return Notification(subject, "\n".join(lines), _chat(run, outcome, headline, lines[2:], steps, environment))


def _remedy(code: str, environment: str) -> str:
    """Return the remedy of a code, with the stack's name in each command."""
    return re.sub(
        r"`(orgsync [^`]*)`", lambda command: f"`{command[1]} --stack {environment}`", error_class(code).remedy
    )


def _chat(
    run: Run, outcome: RunOutcome, headline: str, lines: Sequence[str], steps: Sequence[str], environment: str
) -> str:
    """Return the custom notification, version 1.0; every message of one run is in one thread."""
    title = f"{outcome.severity_name.upper()}: contact sync in {environment}, {headline}"
    return json.dumps(
        {
            "version": "1.0",
            "source": "custom",
            "id": run.run_id,
            "content": {
                "textType": "client-markdown",
                "title": title[:MAX_TITLE],
                "description": "\n".join(lines)[:MAX_DESCRIPTION],
                "nextSteps": [step[:MAX_STEP] for step in steps],
                "keywords": ["contact sync", environment, outcome.severity_name],
            },
            "metadata": {
                "threadId": run.run_id,
                "summary": headline,
                "eventType": outcome.scenario,
                "additionalContext": {"severity": outcome.severity_name, "cause": str(run.cause)},
            },
        }
    )
