"""What people are told of a run: what happened, to whom, why, what to do. Ids and kinds only."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from orgsync.contact_sync.core.errors import meaning_of, remedy_of
from orgsync.contact_sync.core.outcome import Verdict
from orgsync.contact_sync.core.receipts import Tally
from orgsync.contact_sync.core.run import Run

MOST_ACCOUNTS = 20
MOST_STEPS = 5
LONGEST_TITLE, LONGEST_DESCRIPTION, LONGEST_STEP = 250, 8000, 350
"""Characters of a chat message's parts; AWS shortens longer ones [its guidelines for custom notifications]."""

HEADLINES = {
    "complete_failure": "no account could be brought into step",
    "permission_errors": "AWS refused access to some accounts",
    "system_errors": "the run broke off",
    "partial_failure": "some accounts could not be brought into step",
    "configuration_errors": "the configuration or the source needs a correction",
    "success_completion": "every account is in step",
}


@dataclass(frozen=True)
class Notice:
    """A message: `subject` fits SNS's 100 characters of ASCII.

    `chat` is the same as a custom notification of Amazon Q Developer in chat applications: JSON text.
    """

    subject: str
    body: str
    chat: str = ""


def notice(run: Run, verdict: Verdict, tally: Tally, environment: str) -> Notice:
    """Say how a run ended."""
    headline = HEADLINES[verdict.scenario]
    subject = f"[orgsync {environment}] {verdict.severity.upper()}: contact sync, {headline}"[:100]
    counts = tally.counts()
    lines = [
        f"Contact sync in {environment}: {headline}.",
        "",
        f"Run       {run.run_id}",
        f"Cause     {run.cause}" + (f", by {run.initiator}" if run.initiator else ""),
        f"Started   {run.started}",
        f"Result    {counts['success']} in step ({tally.written} written), "
        f"{counts['skipped']} left alone, {counts['failed']} failed",
    ]
    reasons = [*([run.error] if run.error else []), *sorted(tally.errors)]
    for code in dict.fromkeys(reasons):
        if code not in tally.errors or code == run.error:
            head = f"{code}" + (f": {run.detail}" if run.detail else "")
        else:
            head = f"{code}: {tally.errors[code]} times"
        lines += ["", head, f"  {meaning_of(code)}", f"  What to do: {_remedy(code, environment)}"]
    if tally.failed_accounts:
        named = sorted(tally.failed_accounts)
        more = f" and {len(named) - MOST_ACCOUNTS} more" if len(named) > MOST_ACCOUNTS else ""
        lines += ["", f"Accounts  {', '.join(named[:MOST_ACCOUNTS])}{more}"]
    # Always with the stack's name: several may stand in one account and region.
    commands = {"All receipts": f"orgsync status {run.run_id} --stack {environment}"}
    if verdict.scenario != "success_completion":
        commands["Try again"] = f"orgsync sync --stack {environment}"
    lines += ["", *(f"{what + ':':<13} {command}" for what, command in commands.items())]
    remedies = [_remedy(code, environment) for code in dict.fromkeys(reasons)]
    last = [f"{what}: `{command}`" for what, command in commands.items()]
    steps = [*remedies[: MOST_STEPS - len(last)], *last]
    return Notice(subject, "\n".join(lines), _chat(run, verdict, headline, lines[2:], steps, environment))


def _remedy(code: str, environment: str) -> str:
    """What to do about a code, with the stack's name in each command."""
    return re.sub(r"`(orgsync [^`]*)`", lambda command: f"`{command[1]} --stack {environment}`", remedy_of(code))


def _chat(
    run: Run, verdict: Verdict, headline: str, lines: Sequence[str], steps: Sequence[str], environment: str
) -> str:
    """The custom notification, version 1.0; every message of one run is in one thread."""
    title = f"{verdict.severity.upper()}: contact sync in {environment}, {headline}"
    return json.dumps(
        {
            "version": "1.0",
            "source": "custom",
            "id": run.run_id,
            "content": {
                "textType": "client-markdown",
                "title": title[:LONGEST_TITLE],
                "description": "\n".join(lines)[:LONGEST_DESCRIPTION],
                "nextSteps": [step[:LONGEST_STEP] for step in steps],
                "keywords": ["contact sync", environment, str(verdict.severity)],
            },
            "metadata": {
                "threadId": run.run_id,
                "summary": headline,
                "eventType": verdict.scenario,
                "additionalContext": {"severity": str(verdict.severity), "cause": str(run.cause)},
            },
        }
    )
