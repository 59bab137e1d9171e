import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from orgsync.contact_sync.config import ContactSyncConfig, parse
from orgsync.contact_sync.core.account_sync import SyncContext
from orgsync.contact_sync.core.accounts import Account
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.core.selection import Selection, gather
from orgsync.contact_sync.core.source import Source
from orgsync.contact_sync.core.worker import process_batch
from orgsync.contact_sync.names import ALTERNATES, Cause, Kind, Operation
from orgsync.sandbox.contact_sync.simulation import (
    EPOCH,
    SimulatedContacts,
    SimulatedOrganization,
    VirtualClock,
    reconcile,
    run,
    virtual_seconds,
)
from orgsync.sandbox.model.account import AccountService, CallerIdentity
from orgsync.sandbox.model.organization import MANAGEMENT, Fields, OrganizationModel, make, make_contact
from orgsync.shared.clock import timestamp
from orgsync.shared.errors import AccessDenied, ServiceFailed
from orgsync.shared.rate_limiter import RateLimiter, TokenBucket
from tests.laws import broken
from tests.properties.strategies import normalised, organizations
from tests.world import make_world


@given(
    organization=organizations(),
    lost=st.sets(st.sampled_from((Kind.BILLING, Kind.OPERATIONS, Kind.SECURITY))),
    policy=st.sampled_from(("ignore", "propagate", "alert")),
    lag=st.sampled_from((0.0, 1.0, 5.0)),
    excluded=st.integers(0, 2),
)
def test_every_account_that_is_not_excluded_ends_equal_to_the_source(
    organization: OrganizationModel,
    lost: set[Kind],
    policy: Literal["ignore", "propagate", "alert"],
    lag: float,
    excluded: int,
) -> None:
    """Feature: aws-contact-sync, Property 2: Contact Information Propagation Consistency.

    All fields of all kinds arrive, also where reads show a write late; a contact that is
    excluded, not ACTIVE or lost at the source stays as the policy says; nothing that was
    equal is written.
    """
    organization.source = {kind: fields for kind, fields in organization.source.items() if kind not in lost}
    before = {account.id: dict(account.contacts) for account in organization.accounts}
    out = {account.id for account in organization.accounts[:excluded]}
    config = parse({"excluded_accounts": sorted(out), "on_source_delete": policy})

    async def one_pass() -> AccountService:
        service = AccountService(organization, clock=virtual_seconds, lag_s=lag)
        selection = Selection.of(
            Request(Cause.SCHEDULE, None, "", frozenset(Kind)),
            [Account(a.id, a.state) for a in SimulatedOrganization(organization).accounts()],
            config,
            management=MANAGEMENT,
            in_excluded_units={},
            source=Source(missing=frozenset(lost)),
            now=EPOCH,
        )
        await reconcile(organization, service, config, targets=selection.targets)
        return service

    service = run(one_pass())
    after = service.contacts()
    written = {(write["account"], write["kind"]) for write in service.writes}
    assert len(written) == len(service.writes), "a contact was written twice"
    for account in organization.accounts:
        for kind in Kind:
            wanted = normalised(organization.source.get(kind))
            had = normalised(before[account.id].get(kind))
            has = normalised(after[account.id][kind])
            untouched = account.id in out or account.state != "ACTIVE" or (wanted is None and policy != "propagate")
            assert has == (had if untouched else wanted)
            assert ((account.id, kind) in written) == (has != had)
    assert after[MANAGEMENT] == {kind: organization.source.get(kind) for kind in map(str, Kind)}


WRONG = st.sampled_from(("flawed", "missing", "refused", "failing"))
FLAWED_FIELDS = {"primary": {"PhoneNumber": "555 0100"}, "billing": {"EmailAddress": "none"}, "security": {"Name": " "}}


@given(
    wrong=st.dictionaries(st.sampled_from(list(Kind)), WRONG, max_size=4),
    policy=st.sampled_from(("ignore", "propagate", "alert")),
    members=st.integers(1, 30),
)
def test_what_is_wrong_with_one_kind_of_the_source_stops_that_kind_only(
    wrong: dict[Kind, str], policy: str, members: int
) -> None:
    """Whichever kinds are flawed, missing or cannot be read: each other kind reaches every member.

    A flawed or unreadable kind is not touched anywhere, a missing one is deleted only where the owner lets it
    propagate; every account and kind has its receipt, and only a source of which nothing can be read ends the run.
    """
    world = make_world(members)
    world.configure(on_source_delete=policy)
    owner = CallerIdentity(MANAGEMENT, "arn:aws:iam::100000000001:user/ann", sandbox=True)
    for kind, what in wrong.items():
        fields = make_contact(3, MANAGEMENT, kind) | FLAWED_FIELDS.get(kind, {"Title": "t" * 51})
        if what == "flawed" and kind is Kind.PRIMARY:
            world.account.write_directly("PutContactInformation", {"ContactInformation": fields}, owner)
        elif what == "flawed":
            alternate = {"AlternateContactType": kind.upper(), **fields}
            world.account.write_directly("PutAlternateContact", alternate, owner)
        elif what == "missing" and kind in ALTERNATES:
            world.edit(kind, None)
    unreadable = {kind for kind, what in wrong.items() if what in ("refused", "failing")}
    read = SimulatedContacts.read

    class Refusing(SimulatedContacts):
        async def read(self, account: str | None, kind: Kind) -> Contact | None:
            if account is None and kind in unreadable:
                raise (AccessDenied if wrong[kind] == "refused" else ServiceFailed)("the management account")
            return await read(self, account, kind)

    world.services = replace(world.services, contacts=Refusing(world.account))
    before = world.account.contacts()
    world.run()
    assert broken(world.evidence()) == []
    after, ends = world.account.contacts(), world.ends()
    assert set(ends) == {(member, str(kind)) for member in world.members for kind in Kind}
    for kind in Kind:
        what = wrong.get(kind, "there")
        if what == "missing" and (kind is Kind.PRIMARY or policy == "propagate"):
            what = "there"  # what is missing reaches the members too; a primary contact is never missing
        wanted = {member: before[MANAGEMENT if what == "there" else member][kind] for member in world.members}
        assert {member: after[member][kind] for member in world.members} == wanted
        unread = ("skipped" if unreadable == set(Kind) else "failed", "SourceUnreadable")
        end = {
            "there": ("success", None),
            "flawed": ("skipped", "SourceUnwritable"),
            "missing": ("skipped", "SourceMissing"),
        }.get(what, unread)
        assert {ends[member, kind] for member in world.members} == {end}
    header = world.header()
    assert header.error == ("SourceUnreadable" if unreadable == set(Kind) else None)
    propagates = policy == "propagate"
    gone = {kind for kind, what in wrong.items() if what == "missing"} & ALTERNATES
    assert header.deletions == (gone if propagates else set())
    assert set(header.flawed) == {kind for kind, what in wrong.items() if what == "flawed"}
    if set(header.flawed) and not unreadable:
        assert (header.status, header.scenario, header.severity) == ("completed", "configuration_errors", "medium")


@dataclass(frozen=True)
class Edit:
    """An edit of the source: `after` seconds, a contact made from a seed or none; its event comes `late`, `times`."""

    after: float
    kind: Kind
    seed: int | None
    late: float
    times: int


EDITS = st.lists(
    st.builds(
        Edit,
        after=st.floats(0, 120),
        kind=st.sampled_from(sorted(ALTERNATES)),
        seed=st.integers(1, 3) | st.none(),
        late=st.floats(0, 40),
        times=st.integers(1, 2),
    ),
    min_size=1,
    max_size=6,
)


class LateSource:
    """An organization in virtual time, whose source's edits AWS shows late, and the runs that their events trigger.

    Must be made inside the virtual event loop.
    """

    def __init__(self, organization: OrganizationModel, config: ContactSyncConfig, lag: float) -> None:
        self._service = AccountService(organization, clock=virtual_seconds, lag_s=lag)
        self._contacts, self._members = SimulatedContacts(self._service), SimulatedOrganization(organization)
        self._config, self._clock = config, VirtualClock()
        self._waiting: Request | None = None

    async def play(self, edits: Sequence[Edit]) -> dict[str, dict[str, Fields | None]]:
        """Let the edits happen and runs answer their events, one at a time; return what everybody holds then."""
        changing = asyncio.ensure_future(self._change(edits))
        while self._waiting or not changing.done():
            request, self._waiting = self._waiting, None
            if request is None:
                await asyncio.sleep(0.5)
            elif changed := await self._run(request):
                self._ask(Request(Cause.SOURCE_CHANGED, None, None, changed))
        await changing
        return self._service.contacts()

    def _ask(self, request: Request) -> None:
        self._waiting = self._waiting.merged(request) if self._waiting else request

    async def _change(self, edits: Sequence[Edit]) -> None:
        owner = CallerIdentity(MANAGEMENT, "arn:aws:iam::100000000001:user/ann", sandbox=True)
        events = []
        for edit in edits:
            await asyncio.sleep(edit.after)
            alternate = {"AlternateContactType": edit.kind.upper()}
            if edit.seed:
                fields = alternate | make_contact(edit.seed, MANAGEMENT, edit.kind)
                self._service.call("PutAlternateContact", fields, owner)
            elif self._service.contacts()[MANAGEMENT][edit.kind]:
                self._service.call("DeleteAlternateContact", alternate, owner)
            events += [asyncio.ensure_future(self._event(edit.kind, edit.late + again)) for again in range(edit.times)]
        await asyncio.gather(*events)

    async def _event(self, kind: Kind, late: float) -> None:
        now = timestamp(self._clock.now())
        await asyncio.sleep(late)
        self._ask(Request(Cause.SOURCE_CHANGED, None, now, frozenset({kind}), source_changed_at=now))

    async def _run(self, request: Request) -> frozenset[Kind]:
        """Do what plan, process and report do of a run; return the kinds that another run must look at."""
        limiter = RateLimiter({one: TokenBucket(500, 500) for one in Operation}, self._clock)
        source, selection, error = await gather(
            request,
            self._config,
            management=MANAGEMENT,
            contacts=self._contacts,
            organization=self._members,
            limiter=limiter,
            clock=self._clock,
        )
        assert error is None
        stated = frozenset(kind for target in selection.targets for kind in target.deletions)
        context = SyncContext(
            self._contacts, self._members, source.contacts, self._config, limiter, self._clock, deletions=stated
        )

        async def emit(_receipts: object) -> None:
            """Keep no receipt."""

        await process_batch(selection.targets, context, emit)
        seen = Source.seen_by(source.noted_in(Run("run", request.cause, "", "")), request.kinds())
        return await seen.changed_since(self._contacts, self._config, limiter, self._clock, request.source_changed_at)


@given(
    edits=EDITS,
    lag=st.floats(0, 30),
    drifted=st.sets(st.integers(0, 2)),
    policy=st.sampled_from(("propagate", "alert")),
)
@settings(max_examples=40)
def test_members_hold_an_edit_however_late_aws_shows_it(
    edits: list[Edit], lag: float, drifted: set[int], policy: str
) -> None:
    """After the events stop every member holds what the source holds, though no schedule comes.

    Reads show an edit up to half a minute late, events come late and twice, edits follow one another closely, and
    members have drifted before: that a run wrote does not mean that it saw the edit.
    """
    organization = make(5, 3)
    for number, account in enumerate(organization.accounts):
        if number not in drifted:
            account.contacts = {kind: dict(fields) for kind, fields in organization.source.items()}
    config = parse({"on_source_delete": policy, "pacing": {str(one): {"rate": 500, "burst": 500} for one in Operation}})

    async def whole() -> dict[str, dict[str, Fields | None]]:
        return await LateSource(organization, config, lag).play(edits)

    held = run(whole())
    for kind in {edit.kind for edit in edits}:
        wanted = held[MANAGEMENT][kind]
        if wanted or policy == "propagate":
            assert [held[account.id][kind] for account in organization.accounts] == [wanted] * 3
