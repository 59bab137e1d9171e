from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.names import Kind, OwnEvent
from orgsync.shared.errors import error_class
from tests.sample_events import own_event
from tests.world import make_world

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

    header = world.header()
    assert header.initiator == who
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
            assert error_class(receipt.error).remedy
    kinds_written = {(write["account"], write["kind"]) for write in world.account.writes}
    assert {(r.account, r.kind) for r in receipts if r.changed and r.status == "success"} <= kinds_written
