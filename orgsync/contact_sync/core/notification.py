"""Notifications of a run: what was compared, what came of it, why, and what to do. Ids, kinds and field names only.

Every sentence follows from the run's scope and counts, so that none says more than the run has seen.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
_MANY_KINDS = 3
"""Number of kinds from which on a headline counts them instead of naming them."""

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
        return ", ".join(text for _, text in _phrases(run, summary))

    @staticmethod
    def exclusions(summary: RunSummary) -> list[str]:
        """Return a line for each exclusion of the configuration: how many accounts it matches.

        Only a run over the whole organization knows which exclusions match nobody.
        """
        lines = []
        of_tags = [accounts for rule, accounts in summary.excluded_accounts.items() if rule.startswith("tag ")]
        unknown = summary.accounts_of.get(SyncReason.EXCLUSION_UNKNOWN, set())
        tags_read = any(of_tags) or not summary.tried_accounts() <= unknown
        no_account = "matches no account whose tags were read" if tags_read else "no account's tags were read"
        for rule, accounts in sorted(summary.excluded_accounts.items()):
            if accounts:
                lines.append(f"{rule}: {_count(len(accounts), 'account')} excluded")
            elif summary.everyone:
                lines.append(f"{rule}: {no_account if rule.startswith('tag ') else 'matches no member'}")
        return lines

    @classmethod
    def reason(cls, run: Run, summary: RunSummary, environment: str) -> str:
        """Return why a deployment fails, in whole sentences that CloudFormation's reason holds.

        The most frequent cause and its remedy come first; more details stand there as far as they fit.
        """
        code = run.error or summary.main_cause()
        counts = f"{_capital(_counted(summary))}."
        see = f"See `orgsync status {run.run_id} --stack {environment}`."
        if code is None:
            return _joined([f"The run ended with the severity {run.severity}.", counts, see], cls.MAX_REASON)
        remedy = _remedy(code, summary, environment, cls.MAX_REASON - len(f"{code}. "))
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
    severity = outcome.severity_name.upper()
    codes = [*([run.error] if run.error else []), *summary.unfinished()]
    if outcome.scenario != RunScenario.SUCCESS_COMPLETION:
        codes += [SyncReason.SOURCE_MISSING] if summary.missing_at_source else []
        codes += [SyncReason.NOTHING_COMPARED] if summary.nothing_compared else []
    codes = list(dict.fromkeys(codes))
    phrases = _Phrases(_phrases(run, summary), codes[0] if codes else None)
    # Always with the stack's name: several may stand in one account and region.
    commands = {"All receipts": f"orgsync status {run.run_id} --stack {environment}"}
    if outcome.scenario != RunScenario.SUCCESS_COMPLETION:
        commands["Try again"] = f"orgsync sync --stack {environment}"
    facts = _facts(run, summary)
    reasons = [_reason_lines(code, run, summary, environment) for code in codes]
    ends = ["", *(f"{what + ':':<13} {command}" for what, command in commands.items())]
    name = environment.encode("ascii", "replace").decode()
    headline = f"Contact sync in {environment}: {phrases}."
    steps = [f"{what}: `{command}`" for what, command in commands.items()]
    remedies = list(dict.fromkeys(_remedy(code, summary, environment, Notification.MAX_STEP) for code in codes))
    steps = [*remedies[: Notification.MAX_STEPS - len(steps)], *steps]
    document = {
        "version": "1.0",
        "source": "custom",
        "id": run.run_id,
        "content": {
            "textType": "client-markdown",
            "title": phrases.fitted(f"{severity}: contact sync in ", environment, ", ", Notification.MAX_TITLE),
            "description": _lines(facts, reasons, ends, Notification.MAX_DESCRIPTION),
            "nextSteps": [_joined(_SENTENCE_END.split(step), Notification.MAX_STEP) for step in steps],
            "keywords": ["contact sync", environment, outcome.severity_name],
        },
        "metadata": {
            # Every message of one run is in one thread.
            "threadId": run.run_id,
            "summary": str(phrases),
            "eventType": str(outcome.scenario),
            "additionalContext": {"severity": outcome.severity_name, "cause": str(run.cause)},
        },
    }
    return Notification(
        phrases.fitted("[orgsync ", name, f"] {severity}: contact sync, ", Notification.MAX_SUBJECT),
        _lines([headline, "", *facts], reasons, ends, Notification.MAX_BODY),
        json.dumps(document),
        _sms(run, severity, phrases, environment),
    )


def _phrases(run: Run, summary: RunSummary) -> list[tuple[str | None, str]]:
    """Return a headline's phrases in their order, each with the code that it names."""
    phrases: list[tuple[str | None, str]] = [(run.error, f"ended by {run.error}")] if run.error else []
    phrases.append((None, _counted(summary)))
    unfinished, whole = summary.unfinished(), summary.skipped_whole()
    if failed := len(summary.failed_accounts):
        cause = next((code for code in unfinished if summary.failures[code]), "")
        concerned = len(summary.accounts_of.get(cause, set()) & summary.failed_accounts)
        others = "" if concerned == failed else f": {concerned:,}"
        phrases.append((cause, f"{_count(failed, 'account')} failed ({cause}{others})"))
    for code, count in unfinished.items():
        if not (skipped := count - summary.failures[code]):
            continue
        accounts = whole.get(code, 0)
        if accounts == len(summary.accounts_of[code]):
            phrases.append((code, f"{_count(accounts, 'account')} skipped ({code})"))
        else:
            # The kinds' other accounts were compared, or these accounts' other kinds.
            places = _few_kinds(summary.kinds[code])
            phrases.append((code, f"{_count(skipped, 'contact')} skipped ({code}: {places})"))
    if kinds := summary.missing_at_source:
        text = f"{_kinds(kinds)} contact" if len(kinds) < _MANY_KINDS else f"contact of {len(kinds)} kinds"
        phrases.append((SyncReason.SOURCE_MISSING, f"the source has no {text}"))
    if number := sum(summary.skipped_on_purpose().values()):
        phrases.append((None, "1 account left alone" if number == 1 else f"{number:,} accounts left alone"))
    return phrases


def _counted(summary: RunSummary) -> str:
    """Return what came of what was compared, and never without how much was not."""
    compared = summary.compared
    if not compared:
        return "no contact compared"
    rest = summary.to_compare() - compared
    counted = f"{summary.receipts[Status.SUCCESS]:,} of {_count(compared, 'contact')} in sync"
    return f"{counted}, {rest:,} not compared" if rest else counted


class _Phrases:
    """A headline for places of any size: as many whole phrases as fit, and the cause first where not all do.

    Args:
        phrases: each with the code that it names.
        cause: the code that must not be missing.
    """

    def __init__(self, phrases: Sequence[tuple[str | None, str]], cause: str | None) -> None:
        self._texts = [text for _, text in phrases]
        first = next((text for code, text in phrases if cause and code == cause), self._texts[0])
        self._ranked = [first, *(text for text in self._texts if text != first)]

    def __str__(self) -> str:
        """Return all of them."""
        return ", ".join(self._texts)

    def fitted(self, before: str, name: str, after: str, limit: int, clean: Callable[[str], str] = str) -> str:
        """Return as many phrases as fit after a name; the name is cut where the first would not fit beside it."""
        whole = clean(f"{before}{name}{after}{self}")
        if len(whole) <= limit:
            return whole
        first, *others = self._ranked
        room = limit - len(f"{before}{after}{first}")
        text = clean(f"{before}{name if len(name) <= room else name[: max(room - 2, 0)] + '..'}{after}{first}")
        for phrase in map(clean, others):
            if len(f"{text}, {phrase}") <= limit:
                text = f"{text}, {phrase}"
        return text[:limit]


def _facts(run: Run, summary: RunSummary) -> list[str]:
    counts = summary.counts()
    named = [one for one in dict.fromkeys((run.initiator, *run.initiators)) if one]
    more = len(named) - Notification.MAX_INITIATORS
    by = ", ".join(named[: Notification.MAX_INITIATORS]) + (f" and {more} more" if more > 0 else "")
    contacts = f"{_count(summary.receipts.total(), 'contact')} of {_count(len(summary.accounts()), 'account')}"
    lines = [
        f"Run        {run.run_id}",
        f"Cause      {run.cause}" + (f", by {by}" if by else ""),
        *([f"Source     account {run.source_account}"] if run.source_account else []),
        f"Asked for  {'every account' if run.everyone else _count(len(summary.accounts()), 'account') + ' by id'}",
        f"Started    {run.started}",
        f"Result     {contacts}: {counts['success']:,} in sync ({summary.written:,} written), "
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
    lines += [f"  {explain(code).meaning}", f"  What to do: {_remedy(code, summary, environment)}"]
    if accounts and code != run.error and code != SyncReason.SOURCE_MISSING:
        more = len(accounts) - Notification.MAX_ACCOUNTS
        named = ", ".join(accounts[: Notification.MAX_ACCOUNTS]) + (f" and {more:,} more" if more > 0 else "")
        lines.append(f"  Accounts: {named}")
    return lines


def _detail(code: str, run: Run, summary: RunSummary) -> str:
    """Return what a code speaks of: fields of the source, units, kinds, failed calls; nothing where none is known."""
    if run.detail and code == run.error:
        return run.detail.rstrip(".")
    seen = {SyncReason.SOURCE_UNWRITABLE: run.flawed, SourceUnreadable.__name__: run.unreadable}.get(code)
    if seen:
        return "; ".join(seen[kind] for kind in sorted(seen)).rstrip(".")
    if causes := summary.call_errors.get(code):
        counts = [f"{cause} {count:,}" for cause, count in causes.most_common()]
        return "; ".join(counts if len(counts) > 1 else causes)
    if code == SyncReason.NOTHING_COMPARED:
        return "; ".join(f"{_count(count, 'account')} {why}" for why, count in summary.skipped_on_purpose().items())
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


def _remedy(code: str, summary: RunSummary, environment: str, limit: int | None = None) -> str:
    """Return the whole remedy of a code, with the stack's name in each command unless that makes it too long."""
    remedy = summary.explain(code).remedy
    named = re.sub(r"`(orgsync [^`]*)`", lambda command: f"`{command[1]} --stack {environment}`", remedy)
    return named if limit is None or len(named) <= limit else remedy


def _sms(run: Run, severity: str, phrases: _Phrases, environment: str) -> str:
    """Return one text message of a single part; it says where to look, if there is room."""
    text = phrases.fitted("orgsync ", environment, f" {severity}: ", Notification.MAX_SMS, _plain)
    where = f". See orgsync status {_plain(run.run_id)}"
    return text + where if len(text + where) <= Notification.MAX_SMS else text


def _plain(text: str) -> str:
    return _SMS_OTHER.sub("-", text)


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


def _few_kinds(kinds: Collection[Kind]) -> str:
    return str(*kinds) if len(kinds) == 1 else f"{len(kinds)} kinds"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
