import json

from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.names import Kind
from tests.world import make_world

ENDS = ("well", "AccessDeniedException", "ValidationException", "excluded", "SUSPENDED", "forgotten")


@given(fates=st.lists(st.sampled_from(ENDS), min_size=1, max_size=40), again=st.integers(0, 2))
def test_the_report_has_every_target_account_once_with_its_status_time_and_error(fates: list[str], again: int) -> None:
    """Feature: aws-contact-sync, Property 8: Status Reporting Completeness.

    For any fate of the accounts (in sync, refused, excluded, not ACTIVE, or forgotten by a
    worker that died), the run's report has one line for each account and kind, its counts
    are the lines' own, and reporting again changes nothing. Where enough accounts refuse an
    operation, that is seen: what then waits for others' answers in vain says so.
    """
    world = make_world(len(fates))
    by_fate = {fate: [a for a, f in zip(world.members, fates, strict=True) if f == fate] for fate in ENDS}
    for code in ("AccessDeniedException", "ValidationException"):
        for refused in by_fate[code]:
            world.refuse("*", refused, code)
    for account in world.organization.accounts:
        if account.id in by_fate["SUSPENDED"]:
            account.state = "SUSPENDED"
    world.configure(excluded_accounts=by_fate["excluded"])
    answer = world.start()
    if answer["outcome"] == "process":
        world.work_without(by_fate["forgotten"])
    for _ in range(again + 1):
        world.report()

    lines = [json.loads(line) for line in world.objects()["runs/run-1/report.jsonl"].splitlines()]
    header, receipts = lines[0], lines[1:]
    withheld: set[tuple[str, str | None]] = {("skipped", "CircuitOpen")}
    expected: dict[str, set[tuple[str, str | None]]] = {
        "well": {("success", None)},
        "AccessDeniedException": {("failed", "AccessDenied")} | withheld,
        "ValidationException": {("failed", "RefusedCall")} | withheld,
        "excluded": {("skipped", "Excluded")},
        "SUSPENDED": {("skipped", "NotActive")},
        "forgotten": {("failed", "WorkerDied")},
    }
    fate_of = dict(zip(world.members, fates, strict=True))
    pairs = sorted((receipt["account"], receipt["kind"]) for receipt in receipts)
    assert pairs == sorted((account, str(kind)) for account in world.members for kind in Kind)
    ends = [(r["account"], r["status"], r["error"]) for r in receipts]
    assert all((status, error) in expected[fate_of[account]] for account, status, error in ends)
    assert all(receipt["at"] for receipt in receipts)
    statuses = [receipt["status"] for receipt in receipts]
    assert header["counts"] == {status: statuses.count(status) for status in ("success", "failed", "skipped")}
    assert all(header[name] for name in ("started", "ended", "scenario", "severity"))
    assert world.lease().holder is None
