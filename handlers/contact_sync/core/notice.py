"""What people are told of a run: what happened, to whom, why, what to do. Ids and kinds only."""

from dataclasses import dataclass

from .errors import meaning_of, remedy_of
from .receipts import Tally
from .run import Run
from .verdict import Verdict

MOST_ACCOUNTS = 20
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
    """A message: `subject` fits SNS's 100 characters of ASCII."""

    subject: str
    body: str


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
        lines += ["", head, f"  {meaning_of(code)}", f"  What to do: {remedy_of(code)}"]
    if tally.failed_accounts:
        named = sorted(tally.failed_accounts)
        more = f" and {len(named) - MOST_ACCOUNTS} more" if len(named) > MOST_ACCOUNTS else ""
        lines += ["", f"Accounts  {', '.join(named[:MOST_ACCOUNTS])}{more}"]
    lines += ["", f"All receipts: orgsync status {run.run_id}", "Try again:    orgsync sync"]
    return Notice(subject, "\n".join(lines))
