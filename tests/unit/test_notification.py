"""Notifications of a run: what happened, to which accounts, why and what to do."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.notification import Notification, compose
from orgsync.contact_sync.core.outcome import RunOutcome, RunSummary, classify
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.names import Cause, Kind
from orgsync.shared.errors import explain
from orgsync.shared.notification_settings import RunScenario, Severity
from tests.error_codes import every_reason, with_subclasses

AT = "2026-11-01T10:00:00.000+00:00"
CANARY = "canary-value"
MANAGEMENT = "100000000001"
ARN = f"arn:aws:iam::{MANAGEMENT}:user/ann"
ERRORS = sorted([*(error.__name__ for error in with_subclasses()), *every_reason()])


def header(error: str | None = None, detail: str | None = None, **more: Any) -> Run:
    """Return the header of a run, which holds a contact."""
    source = {Kind.BILLING: Contact.of(Kind.BILLING, {"Name": CANARY, "EmailAddress": f"{CANARY}@example.com"})}
    return Run(
        **{"run_id": "run-7", "cause": Cause.SOURCE_CHANGED, "started": AT, "triggered_at": AT, "initiator": ARN}
        | {"source": source, "source_account": MANAGEMENT, "error": error, "detail": detail}
        | more
    )


def composed(
    receipts: Sequence[Receipt],
    environment: str = "dev",
    error: str | None = None,
    detail: str | None = None,
    *,
    everyone: bool = True,
    exclusions: Sequence[str] = (),
    **more: Any,
) -> Notification:
    """Return the notification of a run with these receipts, by default of one over the whole organization."""
    summary = RunSummary.of(receipts, everyone=everyone, exclusions=exclusions)
    run = header(error, detail, everyone=everyone, **more)
    return compose(run, classify(summary, error, parse({})), summary, environment)


def failed(error: str, *numbers: int) -> list[Receipt]:
    """Return the receipts of accounts that failed."""
    return [Receipt(f"{number:012d}", Kind.BILLING, Status.FAILED, AT, error=error) for number in numbers]


@pytest.mark.parametrize("scenario", list(RunScenario))
@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize(
    "environment",
    ["dev", "entwicklung-\u00fc", "an-environment-with-a-name-that-is-much-longer-than-it-had-to-be-" * 2],
)
def test_a_subject_is_one_that_sns_takes(scenario: RunScenario, severity: Severity, environment: str) -> None:
    """At most 100 characters of ASCII on one line, or SNS refuses the message; the severity is always in it."""
    subject = compose(header(), RunOutcome("failed", scenario, severity, True), RunSummary(), environment).subject
    assert 0 < len(subject) <= Notification.MAX_SUBJECT
    assert subject.isascii()
    assert subject.isprintable()
    assert severity.upper() in subject


def test_every_reason_comes_with_its_remedy() -> None:
    """Each class of failure is named with how often it happened and what to do about it."""
    body = composed([*failed("AccessDenied", 1, 2), *failed("Throttled", 3)]).body
    assert "AccessDenied: 2 contacts (billing) of 2 accounts" in body
    assert "Throttled: 1 contact (billing) of 1 account" in body
    assert explain("AccessDenied").remedy in body
    assert explain("Throttled").remedy in body


def test_an_error_that_ended_the_run_is_named_with_its_place() -> None:
    """A run that ended before its accounts says where the mistake stands."""
    body = composed([], error="SourceUnwritable", detail="security.PhoneNumber is required").body
    assert "SourceUnwritable: security.PhoneNumber is required" in body
    assert explain("SourceUnwritable").remedy in body


def test_failed_accounts_are_named_up_to_a_limit() -> None:
    """People see which accounts failed, and how many more; a message stays a message."""
    few = composed(failed("ServiceFailed", *range(1, 4))).body
    assert all(f"{number:012d}" in few for number in range(1, 4))
    assert " more" not in few
    many = composed(failed("ServiceFailed", *range(1, 501))).body
    assert f"and {500 - Notification.MAX_ACCOUNTS} more" in many
    assert len(many) < 4000


def test_a_notification_names_cause_initiator_and_where_to_look() -> None:
    """The run, its cause and initiator, its counts and the command that shows all receipts of that stack."""
    body = composed([Receipt("000000000001", Kind.BILLING, Status.SUCCESS, AT, ("Name",))]).body
    for part in ("run-7", "source_changed", ARN, "1 in sync (1 written)", "orgsync status run-7 --stack dev"):
        assert part in body


@pytest.mark.parametrize(
    ("receipts", "again"),
    [
        ([Receipt("000000000001", Kind.BILLING, Status.SUCCESS, AT, ("Name",))], False),
        (failed("Throttled", 1), True),
    ],
)
def test_only_a_failure_is_to_be_tried_again(receipts: list[Receipt], again: bool) -> None:
    """A success ends with where its receipts are; anything else names the command that tries again."""
    message = composed(receipts)
    for text in (message.body, message.chat):
        assert ("orgsync sync --stack dev" in text) == again
        assert ("Try again" in text) == again


def test_a_notification_carries_no_contact() -> None:
    """The header holds the source's values; the message about it does not."""
    message = composed(failed("ContactRefused", 1), error="SystemFailure", detail="States.Timeout")
    assert CANARY not in message.subject + message.body


def chat(receipts: Sequence[Receipt], error: str | None = None, detail: str | None = None) -> dict[str, Any]:
    """Return a run's custom notification for chat applications."""
    message: dict[str, Any] = json.loads(composed(receipts, error=error, detail=detail).chat)
    return message


def test_chat_gets_a_custom_notification_as_it_is_documented() -> None:
    """Amazon Q Developer shows version 1.0 of source custom; anything else it drops without a word."""
    message = chat(failed("AccessDenied", 1))
    assert (message["version"], message["source"]) == ("1.0", "custom")
    assert set(message["content"]) == {"textType", "title", "description", "nextSteps", "keywords"}
    assert message["content"]["textType"] == "client-markdown"
    assert message["metadata"]["eventType"] == "complete_failure"
    assert message["metadata"]["threadId"] == "run-7"


def test_a_chat_message_says_what_to_do_next() -> None:
    """The remedies first, and always the commands; five steps are what people read."""
    steps = chat(failed("AccessDenied", 1))["content"]["nextSteps"]
    assert steps == [
        explain("AccessDenied").remedy,
        "All receipts: `orgsync status run-7 --stack dev`",
        "Try again: `orgsync sync --stack dev`",
    ]
    many = [
        one
        for n, error in enumerate(("AccessDenied", "Throttled", "ServiceFailed", "Conflicted", "NotVerified"))
        for one in failed(error, n)
    ]
    steps = chat(many)["content"]["nextSteps"]
    assert len(steps) == Notification.MAX_STEPS
    assert steps[-1] == "Try again: `orgsync sync --stack dev`"


def test_a_chat_message_stays_within_its_limits_and_carries_no_contact() -> None:
    """Long lists are cut, and nothing of the source is in it."""
    message = chat(failed("ContactRefused", *range(1, 501)), error="SystemFailure", detail="x" * 9000)
    content = message["content"]
    assert len(content["title"]) <= Notification.MAX_TITLE
    assert len(content["description"]) <= Notification.MAX_DESCRIPTION
    assert all(len(step) <= Notification.MAX_STEP for step in content["nextSteps"])
    assert CANARY not in json.dumps(message)


def text_of(message: Notification) -> str:
    """Return everything that a message says, in any channel."""
    chat_texts = json.loads(message.chat)
    content = chat_texts["content"]
    said = (content["title"], content["description"], *content["nextSteps"], chat_texts["metadata"]["summary"])
    return "\n".join((message.subject, message.body, message.sms, *said))


CODES = ("Excluded", "NotActive", "SourceMissing", "CircuitOpen", "NotAMember", "SourceUnwritable")
RULES = ("unit /Sandbox", "unit /Empty", "tag contacts=own", "tag Contacts=own", "account 200000000001")
NUMBERS = st.integers(1, 500)
RECEIPTS = st.lists(
    st.one_of(
        st.builds(
            Receipt,
            account=NUMBERS.map("{:012d}".format),
            kind=st.sampled_from(Kind),
            status=st.just(Status.SUCCESS),
            at=st.just(AT),
            changed=st.sampled_from([(), ("Name",)]),
        ),
        st.builds(
            Receipt,
            account=NUMBERS.map("{:012d}".format),
            kind=st.sampled_from(Kind),
            status=st.just(Status.FAILED),
            at=st.just(AT),
            error=st.sampled_from(["AccessDenied", "Throttled", "ServiceFailed", "WorkerDied", "ExclusionUnknown"]),
            changed=st.sampled_from([(), (), ("Name",)]),
            differs=st.booleans(),
        ),
        st.builds(
            Receipt,
            account=NUMBERS.map("{:012d}".format),
            kind=st.sampled_from(Kind),
            status=st.just(Status.SKIPPED),
            at=st.just(AT),
            error=st.sampled_from(CODES),
            differs=st.booleans(),
        ),
        st.builds(
            Receipt,
            account=NUMBERS.map("{:012d}".format),
            kind=st.sampled_from(Kind),
            status=st.just(Status.SKIPPED),
            at=st.just(AT),
            error=st.just("Excluded"),
            excluded_by=st.lists(st.sampled_from(RULES), max_size=2, unique=True).map(tuple),
        ),
    ),
    max_size=150,
    unique_by=lambda receipt: (receipt.account, receipt.kind),
)


@given(
    receipts=RECEIPTS,
    everyone=st.booleans(),
    error=st.sampled_from([None, None, "SystemFailure", "UnknownUnit", "OrganizationUnreadable"]),
    exclusions=st.lists(st.sampled_from(RULES), unique=True),
)
def test_no_sentence_claims_more_than_the_counts(
    receipts: list[Receipt], everyone: bool, error: str | None, exclusions: list[str]
) -> None:
    """A message says of contacts, accounts and exclusions what the receipts say, in every channel.

    It speaks of every account only as what was asked for, names no account but those that are concerned, and an
    exclusion matches nobody only where the whole organization was looked at.
    """
    message = composed(receipts, error=error, everyone=everyone, exclusions=exclusions)
    said = text_of(message)
    statuses = Counter(one.status for one in receipts)
    on_purpose = [one for one in receipts if one.error in ("Excluded", "NotActive", "SourceMissing")]
    to_compare = [one for one in receipts if one not in on_purpose and one.error != "NotAMember"]
    # The denominator is what was compared, and nobody reads it without what was not.
    compared = [one for one in to_compare if one.status is Status.SUCCESS or one.differs or one.changed]
    pairs = {(int(some), int(of)) for some, of in re.findall(r"(\d+) of (\d+) contacts? in sync", said)}
    assert pairs == ({(statuses[Status.SUCCESS], len(compared))} if compared else set())
    assert ("no contact compared" in said) is (not compared)
    rest = len(to_compare) - len(compared)
    follows = f", {rest} not compared" if rest else ""
    assert all(text.startswith(follows) for text in re.split(r"\d+ of \d+ contacts? in sync", said)[1:])
    assert set(re.findall(r"(\d+) not compared", said)) == ({str(rest)} if compared and rest else set())
    tried = {one.account for one in receipts if one.status is not Status.SKIPPED}
    failed_accounts = {one.account for one in receipts if one.status is Status.FAILED}
    assert set(re.findall(r"(\d+) accounts? failed", said)) <= {str(len(failed_accounts))}
    for count, cause, place in re.findall(r"(\d+) contacts? skipped \((\w+): ([^)]*)\)", said):
        skipped = [one for one in receipts if (one.status, one.error) == (Status.SKIPPED, cause)]
        kinds = {one.kind for one in skipped}
        assert (int(count), place) == (len(skipped), f"{len(kinds)} kinds" if len(kinds) > 1 else str(*kinds))
    for count, cause in re.findall(r"(\d+) accounts? skipped \((\w+)\)", said):
        skipped_by = {one.account for one in receipts if (one.status, one.error) == (Status.SKIPPED, cause)}
        assert len(skipped_by) == int(count)
        assert not skipped_by & {one.account for one in receipts if one.status is not Status.SKIPPED}
    for cause, count in re.findall(r"accounts? failed \((\w+)(?:: (\d+))?\)", said):
        concerned_by = {one.account for one in receipts if (one.status, one.error) == (Status.FAILED, cause)}
        assert len(concerned_by) == (int(count) if count else len(failed_accounts))
    alone = {one.account for one in receipts} - tried - {one.account for one in receipts if one not in on_purpose}
    assert set(re.findall(r"(\d+) accounts? left", said)) <= {str(len(alone))}
    assert bool(re.search("accounts? left", said)) is bool(alone)
    assert set(re.findall(r"(\d+) in sync \(", said)) == {str(statuses[Status.SUCCESS])}
    assert (
        re.findall(r"(?i)\b(?:every|all|each) (?:member )?accounts?\b[^\n]*", said.replace("Asked for  every", ""))
        == []
    )
    assert ("Asked for  every account" in said) is everyone
    concerned = {one.account for one in receipts if one.status is not Status.SUCCESS}
    assert set(re.findall(r"\b\d{12}\b", said)) <= concerned | {MANAGEMENT, "200000000001"}
    matches = Counter(rule for rule, _ in {(rule, one.account) for one in receipts for rule in one.excluded_by})
    nobody = {line.split(": ")[0].removeprefix("Excluding  ") for line in said.splitlines() if ": matches no" in line}
    unread = {line.split(": ")[0].removeprefix("Excluding  ") for line in said.splitlines() if "no account's" in line}
    assert nobody | unread == ({rule for rule in exclusions if not matches[rule]} if everyone and not error else set())
    if unread:
        assert all(rule.startswith("tag ") for rule in unread)
        assert tried <= {one.account for one in receipts if one.error == "ExclusionUnknown"}
    if not error:
        for rule, count in matches.items():
            assert f"{rule}: {count} account{'s' * (count > 1)} excluded" in said
    if not statuses[Status.SUCCESS]:
        assert not re.search(r"\b[1-9]\d* (?:of \d+ contacts? )?in sync", said)


FAILURES = ("AccessDenied", "ContactRefused", "ExclusionUnknown", "NetworkFailed", "NotVerified", "SourceUnreadable")
SKIPPED = ("CircuitOpen", "HandedOver", "NotAMember", "NotYet", "SourceUnwritable")
ON_PURPOSE = ("Excluded", "NotActive", "SourceMissing")
LATER = ("HandedOver", "NotYet")
TIMES = st.integers(1, 6) | st.integers(1, 700)


def mixed(times: dict[str, int], kinds: Sequence[Kind], opened_by: str | None) -> list[Receipt]:
    """Return so many receipts of each code, of which an account may have several, and a success."""
    receipts = [Receipt("000000000000", Kind.PRIMARY, Status.SUCCESS, AT)] if len(times) % 2 else []
    for number, (code, count) in enumerate(times.items()):
        status = Status.FAILED if code in FAILURES else Status.SKIPPED
        why = opened_by if code == "CircuitOpen" else None
        kind = kinds[number % len(kinds)]
        receipts += [Receipt(f"{n:012d}", kind, status, AT, error=code, call_error=why) for n in range(count)]
    return receipts


@given(
    times=st.dictionaries(st.sampled_from((*FAILURES, *SKIPPED, *ON_PURPOSE)), TIMES, min_size=1, max_size=9),
    kinds=st.lists(st.sampled_from(Kind), min_size=1, max_size=4),
    opened_by=st.sampled_from([None, *FAILURES]),
    environment=st.text("abcdefghij-", min_size=1, max_size=100),
)
def test_the_most_frequent_cause_is_named_in_every_channel(
    times: dict[str, int], kinds: list[Kind], opened_by: str | None, environment: str
) -> None:
    """Whatever mix of receipts: the code that most contacts lack success by, and its whole remedy.

    What an open circuit kept back counts for what opened it. Only where nothing else is left it is what was skipped
    on purpose, or what another run does already. A subject and a text message have room for the code alone.
    """
    causes = Counter({code: count for code, count in times.items() if code not in ON_PURPOSE})
    if opened_by and opened_by in causes and "CircuitOpen" in causes:
        causes[opened_by] += causes.pop("CircuitOpen")
    ranked = sorted(causes, key=lambda code: (code in LATER, -causes[code], code))
    receipts = mixed(times, kinds, opened_by)
    compared = any(one.status is Status.SUCCESS for one in receipts)
    if not ranked and not compared and set(times) != {"SourceMissing"}:
        ranked = ["NothingCompared"]
    elif not ranked and "SourceMissing" in times:
        ranked = ["SourceMissing"]
    elif not ranked:
        return
    summary, run = RunSummary.of(receipts, everyone=True), header(everyone=True)
    outcome = RunOutcome("completed", RunScenario.CONFIGURATION_ERRORS, Severity.MEDIUM, True)
    message = compose(run, outcome, summary, environment)
    remedy = summary.explain(ranked[0]).remedy
    reason = Notification.reason(run, summary, environment)
    chat_texts = json.loads(message.chat)
    steps = " ".join(chat_texts["content"]["nextSteps"])
    for text in (message.body, chat_texts["content"]["description"], steps, reason):
        assert remedy in re.sub(r" --stack [a-j-]+`", "`", text)
    assert reason.startswith(ranked[0])
    shown = [ranked[0]] if ranked[0] not in ("SourceMissing", "NothingCompared") else ["source has no", "no contact"]
    for text in (message.subject, message.sms, chat_texts["content"]["title"], chat_texts["metadata"]["summary"]):
        assert any(one in text for one in shown)
    reasons = re.findall(r"\n\n([A-Z]\w+)(?=[:\n])", message.body)
    assert reasons[0] == ranked[0] or not causes


@given(causes=st.dictionaries(st.sampled_from(FAILURES[:1] + FAILURES[3:4] + ("Throttled", "UnexpectedAnswer")), TIMES))
def test_unknown_tags_say_what_kept_them_from_being_read(causes: dict[str, int]) -> None:
    """A right is missing only where AWS denied the call; what failed or was throttled has the remedy of that.

    The errors stand beside the code, each with how often it was met; of several the most frequent has its remedy.
    """
    receipts = [
        Receipt(f"{number:03d}{n:09d}", Kind.BILLING, Status.FAILED, AT, error="ExclusionUnknown", call_error=cause)
        for number, (cause, count) in enumerate(causes.items())
        for n in range(count)
    ]
    body = composed(receipts).body
    right = "right to organizations:ListTagsForResource" in body
    if not causes:
        assert "ExclusionUnknown" not in body
        return
    first = min(causes, key=lambda cause: (-causes[cause], cause))
    assert right is (first == "AccessDenied")
    assert ("What to do: " + explain("ExclusionUnknown" if right else first).remedy) in body
    line = next(line for line in body.splitlines() if line.startswith("ExclusionUnknown"))
    assert all(cause in line for cause in causes)
    if len(causes) > 1:
        assert all(f"{cause} {count:,}" in line for cause, count in causes.items())


def test_a_kind_that_was_skipped_is_said_beside_those_that_were_compared() -> None:
    """A flaw of the source's concerns every account, and a refusal three: the subject has room for the flaw."""
    receipts = [Receipt(f"{n:012d}", Kind.BILLING, Status.SUCCESS, AT) for n in range(70)]
    receipts += [Receipt(f"{n:012d}", Kind.PRIMARY, Status.SKIPPED, AT, error="SourceUnwritable") for n in range(70)]
    refused = [
        Receipt(f"{n:012d}", Kind.SECURITY, Status.FAILED, AT, error="ContactRefused", differs=True) for n in (1, 2)
    ]
    message = composed([*receipts, *refused])
    assert message.subject == ("[orgsync dev] MEDIUM: contact sync, 70 contacts skipped (SourceUnwritable: primary)")
    assert "70 of 72 contacts in sync, 70 not compared, 2 accounts failed (ContactRefused), 70 contacts" in message.body


def test_an_organization_that_is_skipped_whole_says_so() -> None:
    """Message and reason of a deployment name what to look at, because nothing failed."""
    receipts = [Receipt(f"{n:012d}", kind, Status.SKIPPED, AT, error="Excluded") for n in range(30) for kind in Kind]
    assert "NothingCompared: 30 accounts Excluded" in composed(receipts).body
    reason = Notification.reason(header(), RunSummary.of(receipts, everyone=True), "dev")
    assert reason.startswith("NothingCompared: 30 accounts Excluded. If exclusions match too many")


def test_what_was_left_alone_is_counted_and_not_called_in_sync() -> None:
    """The words of the design: what was compared, what came of it, what was skipped."""
    receipts = [Receipt("000000000099", kind, Status.SUCCESS, AT) for kind in Kind]
    receipts += [Receipt(f"{n:012d}", kind, Status.SKIPPED, AT, error="Excluded") for n in range(25) for kind in Kind]
    message = composed(receipts)
    assert message.subject == "[orgsync dev] LOW: contact sync, 4 of 4 contacts in sync, 25 accounts left alone"
    assert "Skipped    25 accounts on purpose: 25 excluded" in message.body


@pytest.mark.parametrize("code", ["SourceMissing", "SourceUnwritable"])
def test_a_contact_that_is_missing_or_flawed_is_named(code: str) -> None:
    """The kind, and the field where the run knows it."""
    receipts = [Receipt("000000000001", Kind.SECURITY, Status.SKIPPED, AT, error=code)]
    receipts += [Receipt("000000000001", Kind.BILLING, Status.SUCCESS, AT)]
    assert f"{code}: security" in composed(receipts).body
    if code == "SourceUnwritable":
        detail = "security.PhoneNumber: at most 25 characters"
        assert detail in composed(receipts, flawed={Kind.SECURITY: detail}).body
        assert detail in composed(receipts, error=code, detail=detail).body


def test_each_reason_names_what_it_has_seen_of_the_source() -> None:
    """A flaw of one kind and what kept another from being read are two reasons, each with its own places."""
    receipts = [
        Receipt("000000000001", Kind.PRIMARY, Status.SKIPPED, AT, error="SourceUnwritable"),
        Receipt("000000000001", Kind.BILLING, Status.FAILED, AT, error="SourceUnreadable"),
        Receipt("000000000001", Kind.SECURITY, Status.SUCCESS, AT),
    ]
    flawed, unreadable = {Kind.PRIMARY: "primary.City is required"}, {Kind.BILLING: "billing: Throttled"}
    detail = "primary.City is required; billing: Throttled"
    body = composed(receipts, flawed=flawed, unreadable=unreadable, detail=detail).body
    assert "SourceUnwritable: primary.City is required (" in body
    assert "SourceUnreadable: billing: Throttled (" in body


def test_everybody_who_asked_is_named_up_to_a_limit() -> None:
    """The message names the first, and how many more there are; the run's record names the rest."""
    arns = tuple(f"arn:aws:iam::{MANAGEMENT}:user/person-{number}" for number in range(300))
    body = composed([], initiator=arns[0], initiators=arns).body
    assert all(arn in body for arn in arns[: Notification.MAX_INITIATORS])
    assert f"and {300 - Notification.MAX_INITIATORS} more" in body
    assert f"Source     account {MANAGEMENT}" in body


# The end of a whole sentence; a command's last quote may stand before its full stop.
WHOLE = re.compile(r"[.!?]$")


@given(
    code=st.sampled_from(ERRORS),
    ended=st.booleans(),
    count=st.integers(1, 3000),
    environment=st.text("abcdefghij-", min_size=1, max_size=64),
    items=st.lists(st.text("abcdefghij ABC", min_size=1, max_size=90), max_size=40),
    others=st.integers(0, 40),
)
def test_a_deployments_reason_is_whole(
    code: str, ended: bool, count: int, environment: str, items: list[str], others: int
) -> None:
    """Whatever fails: the most frequent cause with its whole remedy, in whole sentences that CloudFormation keeps."""
    details = [f"security.{item.strip() or 'Name'} is too long" for item in items]
    receipts = [] if ended else failed(code, *range(count + others))
    receipts += failed("NotVerified", *range(5000, 5000 + others // 2))
    run = header(code if ended else None, "; ".join(details) or None, run_id="initial-sync-" + "1" * 36)
    summary = RunSummary.of(receipts, everyone=True)
    reason = Notification.reason(run, summary, environment)
    assert len(reason) <= Notification.MAX_REASON
    assert WHOLE.search(reason)
    assert reason.startswith((f"{code}:", f"{code}."))
    remedy = explain(code).remedy
    assert remedy in re.sub(r" --stack [a-j-]+`", "`", reason)
    if ended and details and details[0] + ";" not in reason and len(details) > 1:
        assert "more" in reason or details[0] not in reason
    for sentence in re.split(r"(?<=[.])\s+(?=[A-Z0-9])", reason):
        assert WHOLE.search(sentence)


@given(
    codes=st.lists(st.sampled_from(ERRORS), min_size=1, max_size=60, unique=True),
    count=st.integers(1, 300),
    environment=st.text(min_size=1, max_size=200).filter(str.isprintable),
    detail=st.text("abc; ", max_size=20_000),
    who=st.lists(st.text("abcdef/", min_size=1, max_size=2000), max_size=100),
)
def test_the_longest_message_of_each_channel_fits(
    codes: list[str], count: int, environment: str, detail: str, who: list[str]
) -> None:
    """SNS takes 256 KB and subjects of 100; chat's parts and a text message's single part have limits of their own."""
    receipts = [one for code in codes for one in failed(code, *range(count))]
    message = composed(receipts, environment, error=codes[0], detail=detail, initiators=tuple(who))
    assert len(json.dumps({"default": message.body, "sms": message.sms}).encode()) < 256 * 1024
    assert len(message.chat.encode()) < 256 * 1024
    assert len(message.subject) <= 100
    assert message.subject.isascii()
    content = json.loads(message.chat)["content"]
    assert len(content["title"]) <= Notification.MAX_TITLE
    assert len(content["description"]) <= Notification.MAX_DESCRIPTION
    assert len(content["nextSteps"]) <= Notification.MAX_STEPS
    assert all(len(step) <= Notification.MAX_STEP for step in content["nextSteps"])
    assert len(message.sms) <= 140
    assert re.fullmatch(r"[A-Za-z0-9 .,:;/()@+=_-]+", message.sms)


def test_a_text_message_says_what_happened() -> None:
    """The stack, the severity, the counts and the cause, and where there is room the command that shows more."""
    sms = composed([*failed("AccessDenied", 1, 2), Receipt("000000000003", Kind.BILLING, Status.SUCCESS, AT)]).sms
    assert sms == (
        "orgsync dev HIGH: 1 of 1 contact in sync, 2 not compared, 2 accounts failed (AccessDenied). "
        "See orgsync status run-7"
    )
