import json
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.names import Kind, OwnEvent, report_key
from orgsync.shared.errors import explain
from tests.laws import broken
from tests.sample_events import own_event
from tests.world import STARTED, make_world

CODES = ("AccessDeniedException", "ValidationException", "InternalServerException", "TooManyRequestsException")


@given(
    members=st.integers(1, 4),
    failures=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(CODES), st.integers(1, 9)), max_size=3),
    who=st.sampled_from(("arn:aws:iam::100000000001:user/ann", None)),
    source_fails=st.booleans(),
)
def test_every_run_keeps_a_record_for_auditors(
    members: int, failures: list[tuple[int, str, int]], who: str | None, source_fails: bool
) -> None:
    """Feature: aws-contact-sync, Property 5: Comprehensive Audit Logging.

    A run that succeeds and one that fails keep on record when they began and ended, who asked,
    which configuration they kept; and for each target account which fields changed, when, after
    how many retries, or a named error.
    """
    world = make_world(members)
    version = world.configure()
    for member, code, times in failures:
        world.refuse("*", world.members[member % members], code, times)
    if source_fails:
        world.refuse("*", world.management, "AccessDeniedException")
    world.run("run-1", own_event(OwnEvent.OPERATOR, initiator=who))
    assert broken(world.evidence()) == []

    header = world.header()
    assert header.initiator == who
    assert header.initiators == ((who,) if who else ())
    assert header.source_account == world.management
    assert header.cause == "operator"
    assert header.config_version == version
    assert header.ended
    assert datetime.fromisoformat(header.started) <= datetime.fromisoformat(header.ended)
    assert header.status in ("completed", "failed")
    assert (header.error is not None) == source_fails
    receipts = world.receipts()
    everyone = {(member, kind) for member in world.members for kind in Kind}
    assert {(receipt.account, receipt.kind) for receipt in receipts} == everyone
    assert len(receipts) == len(everyone)
    if source_fails:
        assert {(receipt.status, receipt.error) for receipt in receipts} == {("skipped", "SourceUnreadable")}
    for receipt in receipts:
        assert datetime.fromisoformat(receipt.at).tzinfo is not None
        assert set(receipt.changed) <= set(Contact.rules(receipt.kind))
        assert 0 <= receipt.retries <= 3
        if receipt.status == "success":
            assert receipt.error is None
        else:
            assert receipt.error
            assert explain(receipt.error).remedy
    kinds_written = {(write["account"], write["kind"]) for write in world.account.writes}
    assert {(r.account, r.kind) for r in receipts if r.changed and r.status == "success"} <= kinds_written


ASKERS = st.lists(st.one_of(st.none(), st.integers(0, 400)), min_size=1, max_size=250)


@given(askers=ASKERS)
def test_everybody_who_asked_for_a_run_is_kept(askers: list[int | None]) -> None:
    """Feature: aws-contact-sync, Property 5: Comprehensive Audit Logging.

    However many triggers were merged into one run, its record names who asked for any of them, and the account
    whose contacts are the source; so does the record of each trigger. Beyond a bound the run names the first.
    """
    arns = [None if one is None else f"arn:aws:iam::100000000001:user/person-{one}" for one in askers]
    world = make_world(1)
    world.configure(contact_types=["billing"])
    world.start("run-1", own_event(OwnEvent.OPERATOR, initiator="arn:aws:iam::100000000001:user/first"))
    for number, arn in enumerate(arns):
        world.start(f"waits-{number}", own_event(OwnEvent.OPERATOR, initiator=arn))
        merged = world.header(f"waits-{number}")
        assert (merged.status, merged.initiator, merged.source_account) == ("merged", arn, world.management)
    world.work("run-1")
    world.report("run-1")
    (answering,) = world.started_runs() - {"run-1"} - {f"waits-{number}" for number in range(len(arns))}
    world.plan(answering, started=STARTED)
    world.work(answering)
    world.report(answering)
    assert broken(world.evidence()) == []
    run = world.header(answering)
    everybody = list(dict.fromkeys(arn for arn in arns if arn))
    assert list(run.initiators) == everybody[: Request.MAX_INITIATORS]
    assert run.source_account == world.management
    report = [json.loads(line) for line in world.objects()[report_key(answering)].splitlines()]
    assert (report[0]["initiators"], report[0]["source_account"]) == (list(run.initiators), world.management)
