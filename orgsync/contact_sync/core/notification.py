"""Notifications of a run: what was compared, what came of it, why, and what to do. Ids, kinds and field names only.

Every sentence follows from the run's scope and counts, so that none says more than the run has seen.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from orgsync.contact_sync.core.errors import SourceUnreadable, SyncReason
from orgsync.contact_sync.core.outcome import RunOutcome, RunSummary
from orgsync.contact_sync.core.receipts import Status
from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.names import Kind
from orgsync.shared.errors import explain
from orgsync.shared.notification_settings import RunScenario

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`0-9])")
_SMS_OTHER = re.compile(r"[^A-Za-z0-9 .,:;/()@+=_-]")
"""Characters that a text message would not hold as one of its 7 bits each (GSM 03.38), and a few more."""


@dataclass(frozen=True)
class Notification:
    """A message to people, in the form that each channel takes.

    Attributes:
        subject: of an e-mail; at most 100 characters of ASCII.
        body: the text of an e-mail, and what HTTPS subscribers get.
        chat: a custom notification of Amazon Q Developer in chat applications: JSON text.
        sms: one text message, of a single part.
    """

    MAX_ACCOUNTS: ClassVar[int] = 20
    MAX_INITIATORS: ClassVar[int] = 5
    MAX_SUBJECT: ClassVar[int] = 100
    # SNS takes 256 KB in all; JSON may write one character as six.
    MAX_BODY: ClassVar[int] = 30_000
    MAX_SMS: ClassVar[int] = 140
    # Of a chat message's parts; AWS shortens longer ones [its guidelines for custom notifications].
    MAX_STEPS: ClassVar[int] = 5
    MAX_TITLE: ClassVar[int] = 250
    MAX_DESCRIPTION: ClassVar[int] = 8000
    MAX_STEP: ClassVar[int] = 350
    # What crhelper keeps of an exception, for CloudFormation's reason.
    MAX_REASON: ClassVar[int] = 240

    subject: str
    body: str
    chat: str
    sms: str

    @staticmethod
    def headline(run: Run, summary: RunSummary) -> str:
        """Return what was compared, what came of it, and how much was skipped, as a phrase."""
        return ", ".join(_phrases(run, summary))

    @staticmethod
    def exclusions(summary: RunSummary) -> list[str]:
        """Return a line for each exclusion of the configuration: how many accounts it matches.

        Only a run over the whole organization knows which exclusions match nobody.
        """
        lines = []
        for rule, accounts in sorted(summary.excluded_accounts.items()):
            if accounts:
                lines.append(f"{rule}: {_count(len(accounts), 'account')} excluded")
            elif summary.everyone:
                nobody = "matches no account whose tags were read" if rule.startswith("tag ") else "matches no member"
                lines.append(f"{rule}: {nobody}")
        return lines

    @classmethod
    def reason(cls, run: Run, summary: RunSummary, environment: str) -> str:
        """Return why a deployment fails, in whole sentences that CloudFormation's reason holds.

        The cause of most failures and its remedy come first; more details stand there as far as they fit.
        """
        code = run.error or summary.main_cause()
        counts = f"{_capital(', '.join(_counted(summary)))}."
        see = f"See `orgsync status {run.run_id} --stack {environment}`."
        if code is None:
            return _joined([f"The run ended with the severity {run.severity}.", counts, see], cls.MAX_REASON)
        remedy = _remedy(code, environment)
        if len(f"{code}. {remedy}") > cls.MAX_REASON:
            remedy = explain(code).remedy
        room = cls.MAX_REASON - len(remedy) - len(code) - 3
        detail = _listed(_detail(code, run, summary), room)
        text = f"{code}: {detail}. {remedy}" if detail else f"{code}. {remedy}"
        meaning = explain(code).meaning
        longer = f"{code}: {meaning} {remedy}"
        if not detail and len(f"{longer} {counts} {see}") <= cls.MAX_REASON:
            text = longer
        return _joined([text, counts, see], cls.MAX_REASON)


def compose(run: Run, outcome: RunOutcome, summary: RunSummary, environment: str) -> Notification:
    """Write the notification of a run that has ended."""
    severity, phrases = outcome.severity_name.upper(), _phrases(run, summary)
    codes = [*([run.error] if run.error else []), *summary.unfinished()]
    if outcome.scenario != RunScenario.SUCCESS_COMPLETION and summary.missing_at_source:
        codes.append(SyncReason.SOURCE_MISSING)
    codes = list(dict.fromkeys(codes))
    # Always with the stack's name: several may stand in one account and region.
    commands = {"All receipts": f"orgsync status {run.run_id} --stack {environment}"}
    if outcome.scenario != RunScenario.SUCCESS_COMPLETION:
        commands["Try again"] = f"orgsync sync --stack {environment}"
    facts = _facts(run, summary)
    reasons = [_reason_lines(code, run, summary, environment) for code in codes]
    ends = ["", *(f"{what + ':':<13} {command}" for what, command in commands.items())]
    headline = f"Contact sync in {environment}: {', '.join(phrases)}."
    steps = [f"{what}: `{command}`" for what, command in commands.items()]
    remedies = list(dict.fromkeys(_remedy(code, environment) for code in codes))
    steps = [*remedies[: Notification.MAX_STEPS - len(steps)], *steps]
    title = f"{severity}: contact sync in {environment}, "
    document = {
        "version": "1.0",
        "source": "custom",
        "id": run.run_id,
        "content": {
            "textType": "client-markdown",
            "title": _fitted(title, phrases, Notification.MAX_TITLE),
            "description": _lines(facts, reasons, ends, Notification.MAX_DESCRIPTION),
            "nextSteps": [_joined(_SENTENCE_END.split(step), Notification.MAX_STEP) for step in steps],
            "keywords": ["contact sync", environment, outcome.severity_name],
        },
        "metadata": {
            # Every message of one run is in one thread.
            "threadId": run.run_id,
            "summary": ", ".join(phrases),
            "eventType": str(outcome.scenario),
            "additionalContext": {"severity": outcome.severity_name, "cause": str(run.cause)},
        },
    }
    return Notification(
        _subject(environment, severity, phrases),
        _lines([headline, "", *facts], reasons, ends, Notification.MAX_BODY),
        json.dumps(document),
        _sms(run, severity, phrases, environment),
    )


def _phrases(run: Run, summary: RunSummary) -> list[str]:
    """Return a headline's phrases, the most telling first."""
    phrases = [f"ended by {run.error}"] if run.error else []
    phrases += _counted(summary)
    if failed := len(summary.failed_accounts):
        cause = summary.main_cause() or ""
        concerned = len(summary.accounts_of[cause] & summary.failed_accounts)
        phrases.append(
            f"{_count(failed, 'account')} failed ({cause}{'' if concerned == failed else f': {concerned:,}'})"
        )
    skipped = summary.skipped_whole()
    alone = summary.skipped_on_purpose()
    phrases += [f"{_count(count, 'account')} skipped ({code})" for code, count in skipped.items() if code not in alone]
    if kinds := summary.missing_at_source:
        phrases.append(f"the source has no {_kinds(kinds)} contact")
    if number := sum(alone.values()):
        phrases.append("1 account left alone" if number == 1 else f"{number:,} accounts left alone")
    return phrases


def _counted(summary: RunSummary) -> list[str]:
    asked = summary.to_compare()
    if asked:
        return [f"{summary.receipts[Status.SUCCESS]:,} of {_count(asked, 'contact')} in sync"]
    return ["no contact compared"]


def _facts(run: Run, summary: RunSummary) -> list[str]:
    counts = summary.counts()
    named = [one for one in dict.fromkeys((run.initiator, *run.initiators)) if one]
    more = len(named) - Notification.MAX_INITIATORS
    by = ", ".join(named[: Notification.MAX_INITIATORS]) + (f" and {more} more" if more > 0 else "")
    tried = f"{_count(len(summary.tried_accounts()), 'account')} tried"
    kinds = f" ({_kinds(summary.tried_kinds)})" if summary.tried_kinds else ""
    lines = [
        f"Run        {run.run_id}",
        f"Cause      {run.cause}" + (f", by {by}" if by else ""),
        *([f"Source     account {run.source_account}"] if run.source_account else []),
        f"Asked for  {'every account' if run.everyone else _count(len(summary.accounts()), 'account') + ' by id'}",
        f"Started    {run.started}",
        f"Result     {tried}{kinds}: {counts['success']:,} in sync ({summary.written:,} written), "
        f"{counts['skipped']:,} skipped, {counts['failed']:,} failed",
    ]
    names: Mapping[str, str] = {
        SyncReason.EXCLUDED: "excluded",
        SyncReason.NOT_ACTIVE: "not ACTIVE",
        SyncReason.SOURCE_MISSING: "nothing to hold",
    }
    if alone := summary.skipped_on_purpose():
        parts = [f"{count:,} {names[code]}" for code, count in alone.items()]
        lines.append(f"Skipped    {_count(sum(alone.values()), 'account')} on purpose: {', '.join(parts)}")
    if not run.error:
        lines += [f"Excluding  {line}" for line in Notification.exclusions(summary)]
    return lines


def _reason_lines(code: str, run: Run, summary: RunSummary, environment: str) -> list[str]:
    """Return a reason: the code, how often and of which kinds, the ids it concerns, its meaning and its remedy."""
    accounts = sorted(summary.accounts_of.get(code, ()))
    often = ""
    if accounts:
        kinds = _kinds(summary.kinds[code])
        times = f"{_count(summary.errors[code], 'contact')} ({kinds}) of {_count(len(accounts), 'account')}"
        often = f": {times}"
    lines = ["", f"{code}{often}"]
    if detail := _detail(code, run, summary):
        lines[-1] = f"{code}: {detail}" + (f" ({often[2:]})" if often else "")
    lines += [f"  {explain(code).meaning}", f"  What to do: {_remedy(code, environment)}"]
    if accounts and code != run.error and code != SyncReason.SOURCE_MISSING:
        more = len(accounts) - Notification.MAX_ACCOUNTS
        named = ", ".join(accounts[: Notification.MAX_ACCOUNTS]) + (f" and {more:,} more" if more > 0 else "")
        lines.append(f"  Accounts: {named}")
    return lines


def _detail(code: str, run: Run, summary: RunSummary) -> str:
    """Return the places that a code speaks of: fields of the source, units, kinds; nothing where none is known."""
    if run.detail and code == run.error:
        return run.detail.rstrip(".")
    seen = {SyncReason.SOURCE_UNWRITABLE: run.flawed, SourceUnreadable.__name__: run.unreadable}.get(code)
    if seen:
        return "; ".join(seen[kind] for kind in sorted(seen)).rstrip(".")
    if code in (SyncReason.SOURCE_UNWRITABLE, SyncReason.SOURCE_MISSING):
        return ", ".join(sorted(summary.kinds.get(code, ())))
    return ""


def _listed(detail: str, room: int) -> str:
    """Return as many whole items of a detail as there is room for, and how many more there are."""
    items = detail.split("; ")
    for kept in range(len(items), 0, -1):
        more = len(items) - kept
        text = "; ".join(items[:kept]) + (f" and {more} more" if more else "")
        if len(text) < room:
            return text
    return ""


def _remedy(code: str, environment: str) -> str:
    """Return the remedy of a code, with the stack's name in each command."""
    return re.sub(r"`(orgsync [^`]*)`", lambda command: f"`{command[1]} --stack {environment}`", explain(code).remedy)


def _subject(environment: str, severity: str, phrases: Sequence[str]) -> str:
    name = environment.encode("ascii", "replace").decode()
    ends = f"] {severity}: contact sync, "
    room = Notification.MAX_SUBJECT - len(f"[orgsync {ends}") - len(phrases[0])
    short = name if len(name) <= room else name[: max(room - 2, 0)] + ".."
    return _fitted(f"[orgsync {short}{ends}", phrases, Notification.MAX_SUBJECT)


def _sms(run: Run, severity: str, phrases: Sequence[str], environment: str) -> str:
    """Return one text message of a single part; it says where to look, if there is room."""
    name = _SMS_OTHER.sub("-", environment)
    plain = [_SMS_OTHER.sub("-", phrase) for phrase in phrases]
    room = Notification.MAX_SMS - len(f"orgsync  {severity}: ") - len(plain[0])
    text = _fitted(f"orgsync {name[: max(room, 0)]} {severity}: ", plain, Notification.MAX_SMS)
    where = f". See orgsync status {_SMS_OTHER.sub('-', run.run_id)}"
    return text + where if len(text + where) <= Notification.MAX_SMS else text


def _fitted(begin: str, phrases: Sequence[str], limit: int) -> str:
    """Return a beginning with as many whole phrases as fit; the first is always there."""
    text = f"{begin}{phrases[0]}"
    for phrase in phrases[1:]:
        if len(f"{text}, {phrase}") <= limit:
            text = f"{text}, {phrase}"
    return text[:limit]


def _joined(sentences: Iterable[str], limit: int) -> str:
    """Return whole sentences as long as they fit; those that do not are left out."""
    text = ""
    for sentence in sentences:
        longer = f"{text} {sentence}".strip()
        if len(longer) <= limit:
            text = longer
    return text


def _lines(facts: Sequence[str], reasons: Iterable[Sequence[str]], ends: Sequence[str], limit: int) -> str:
    """Return a text of whole lines: reasons are left out from the end where it would be too long."""
    room = limit - sum(len(line) + 1 for line in (*facts, *ends))
    lines: list[str] = []
    for reason in reasons:
        for line in reason:
            shown = line if len(line) < 1000 else f"{line[:990].rsplit(' ', 1)[0]} ..."
            if len(shown) + 1 <= room:
                lines.append(shown)
                room -= len(shown) + 1
    return "\n".join((*facts, *lines, *ends))[:limit]


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def _kinds(kinds: Collection[Kind]) -> str:
    *most, last = sorted(kinds)
    return f"{', '.join(most)} and {last}" if most else str(last)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
