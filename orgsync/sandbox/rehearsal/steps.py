"""The steps of a scenario: one model for each, named and spelled as in the file."""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from orgsync.sandbox.rehearsal.parts import (
    AccountId,
    ContactsDocument,
    Count,
    Fault,
    OrNotGiven,
    ScenarioPart,
    Seconds,
    Text,
    UnitPath,
)

Casing = Literal["camel", "pascal"]


class EmptyStep(ScenarioPart):
    """A step without details."""


_STACK_NAME = r"[A-Za-z0-9_.-]{1,100}"
_REGION = r"[a-z]{2}(-[a-z]+)+-[0-9]"


def _stack_name(value: str) -> str:
    if not re.fullmatch(_STACK_NAME, value):
        raise ValueError("must be the name of a stack, such as dev: letters, digits, hyphens, underscores and dots")
    return value


def _region(value: str) -> str:
    if not re.fullmatch(_REGION, value):
        raise ValueError("must be a region, such as us-east-1")
    return value


def _unit_name(value: str) -> str:
    if not 1 <= len(value) <= 128 or "/" in value:
        raise ValueError("must be the name of a unit: 1 to 128 characters, without a slash")
    return value


UnitName = Annotated[str, AfterValidator(_unit_name), WithJsonSchema({"type": "string", "pattern": "^[^/]{1,128}$"})]
StackName = Annotated[
    str, AfterValidator(_stack_name), WithJsonSchema({"type": "string", "pattern": f"^{_STACK_NAME}$"})
]
Region = Annotated[str, AfterValidator(_region), WithJsonSchema({"type": "string", "pattern": f"^{_REGION}$"})]


class StackStep(ScenarioPart):
    """The steps `deploy` and `preview`: a stack file, and what is laid over it."""

    stack: StackName = "dev"
    """The name of the stack: dev for Pulumi.dev.yaml."""
    config: dict[str, Any] = Field(default_factory=dict)
    """The configuration that is laid over the scenario's own `config` for this step."""
    deployment: dict[str, Any] = Field(default_factory=dict)
    """The document that is laid over `orgsync:deployment` of the stack file for this step; the product validates it."""


class DeployedStackStep(ScenarioPart):
    """The steps `refresh` and `destroy`: one of the deployed stacks; without a name, the last one."""

    stack: OrNotGiven[StackName] = None
    """The name of a deployed stack; the last one if it is not given."""


_KINDS = tuple(ContactsDocument.model_fields)


class _Edit(ContactsDocument):
    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [kind]} for kind in _KINDS]})

    casing: Casing = "camel"
    """The casing of the keys in the event that AWS sends."""

    @model_validator(mode="after")
    def _names_a_kind(self) -> "_Edit":
        if not self.given():
            raise ValueError("name at least one kind: primary, billing, operations or security")
        return self


class EditSource(_Edit):
    """A change of the management account's own contacts."""

    via: Literal["api", "console"] = "api"
    """The way of the change: through the API, or in the billing console, whose events differ."""


class EditMember(_Edit):
    """A change of a member's contacts, by the member itself or from the management account."""

    account: AccountId
    """The member account, as 12 digits in quotes."""
    via: Literal["member", "management"] = "member"
    """The account that makes the change: the member itself, or the management account."""


class NewAccount(ScenarioPart):
    """The steps `create_account` and `join_account`."""

    name: Text
    """The name of the new account."""
    ou: UnitPath = "/"
    """The path of the unit to which it is moved out of the root; the unit is made if it does not exist."""
    moved_after_s: float = Field(default=0, ge=0, le=1_000_000)
    """The seconds that it stays in the root, where AWS puts every new account."""

    @model_validator(mode="after")
    def _goes_somewhere(self) -> "NewAccount":
        if self.moved_after_s and self.ou == "/":
            raise ValueError("moved_after_s needs ou, the unit to which the account is moved")
        return self


class RenameUnit(ScenarioPart):
    """An organizational unit that gets another name."""

    ou: UnitPath
    """The path of the unit, such as /Sandbox."""
    name: UnitName
    """The unit's new name, without the path."""

    @model_validator(mode="after")
    def _is_no_root(self) -> "RenameUnit":
        if self.ou == "/":
            raise ValueError("the root has no name that could be changed; ou must be a unit such as /Sandbox")
        return self


class WaitStep(ScenarioPart):
    """Time that passes while nobody does anything."""

    seconds: Seconds
    """The seconds, as AWS counts them."""


class CommandStep(ScenarioPart):
    """A command line, with what is expected of it and who runs it."""

    run: Text
    """The command line, such as orgsync status."""
    exit: int = Field(default=0, ge=0, le=255)
    """The exit code that is right."""
    timeout_s: OrNotGiven[float] = Field(default=None, gt=0, le=3600)
    """The seconds after which it is killed; those of settle_s if they are not given."""
    rights: Literal["operator", "reader"] = Field(default="operator", alias="as")
    """The rights of who runs it: operator may do everything, reader may only read."""
    account: OrNotGiven[AccountId] = None
    """The account in which it runs, as 12 digits in quotes; the management account if it is not given."""


def _form_of_command(value: Any) -> str:
    return "~whole" if isinstance(value, dict | CommandStep) else "~line"


Command = Annotated[
    Annotated[Text, Tag("~line")] | Annotated[CommandStep, Tag("~whole")], Discriminator(_form_of_command)
]
"""A command line, or one with what is expected of it."""


class MoveAccount(ScenarioPart):
    """A member account that moves to another unit."""

    account: AccountId
    """The member account, as 12 digits in quotes."""
    ou: UnitPath
    """The path of the unit to which it moves."""


class TagAccount(ScenarioPart):
    """A member account that gets tags, or loses some."""

    account: AccountId
    """The member account, as 12 digits in quotes."""
    tags: dict[str, str | None]
    """The tags that are added, key to value; null takes a tag away."""


class EventStep(ScenarioPart):
    """An event of any kind, put on the default bus unchanged."""

    source: Text
    """The event's source, such as aws.account."""
    detail_type: Text = Field(alias="detail-type")
    """The event's detail-type."""
    detail: Any
    """The event's detail, as it stands."""
    times: int = Field(default=1, ge=1, le=1000)
    """The number of times that the same event is put on the bus."""
    bus_region: Region = "us-east-1"
    """The region of the bus."""


def _one_of_the_actions(schema: dict[str, Any], model: type["Action"]) -> None:
    """Complete a step's JSON Schema: exactly one action is named."""
    schema["oneOf"] = [{"required": [name]} for name in actions(model)]


class Action(ScenarioPart):
    """One action: exactly one of the keys below."""

    model_config = ConfigDict(json_schema_extra=_one_of_the_actions)

    deploy: OrNotGiven[StackStep] = None
    """Deploy a stack, as `pulumi up` does; again for an update. Write {} for the dev stack."""
    edit_source: OrNotGiven[EditSource] = None
    """Change the management account's own contacts: kinds with their fields, or null for a deletion."""
    edit_member: OrNotGiven[EditMember] = None
    """Change the contacts of a member account: kinds with their fields, or null for a deletion."""
    create_account: OrNotGiven[NewAccount] = None
    """Create an account in the organization; the event that AWS sends is sent."""
    join_account: OrNotGiven[NewAccount] = None
    """Let an account with contacts of its own accept an invitation into the organization."""
    close_account: OrNotGiven[AccountId] = None
    """Close a member account, named by its id in quotes."""
    reopen_account: OrNotGiven[AccountId] = None
    """Reopen a member account that was closed."""
    leave_organization: OrNotGiven[AccountId] = None
    """Let a member account leave the organization."""
    rename_unit: OrNotGiven[RenameUnit] = None
    """Give an organizational unit another name."""
    move_account: OrNotGiven[MoveAccount] = None
    """Move a member account to another unit."""
    tag_account: OrNotGiven[TagAccount] = None
    """Add tags to a member account, or take some away."""
    event: OrNotGiven[EventStep] = None
    """Put an event on the default bus as it stands."""
    schedule: OrNotGiven[EmptyStep] = None
    """Let every declared schedule fire once. Write {}."""
    fault: OrNotGiven[Fault] = None
    """Put a fault in force from here on."""
    clear_faults: OrNotGiven[EmptyStep] = None
    """End all faults. Write {}."""
    command: OrNotGiven[Command] = None
    """A command line, run in a shell as by an operator of the management account, such as orgsync status; or one with
    the exit code that is right, a time limit, other rights or another account."""
    wait: OrNotGiven[WaitStep] = None
    """Let time pass, as AWS counts it."""
    preview: OrNotGiven[StackStep] = None
    """Show what a deployment would change, without changing it."""
    refresh: OrNotGiven[DeployedStackStep] = None
    """Compare the state of a deployed stack with what there really is. Write {} for the last one."""
    destroy: OrNotGiven[DeployedStackStep] = None
    """Delete everything that a stack declared. Write {} for the last one."""

    beside: ClassVar[frozenset[str]] = frozenset()
    """Keys that may stand beside the one that names the action."""

    @model_validator(mode="after")
    def _one_action(self) -> "Action":
        named = self.model_fields_set - self.beside
        if len(named) != 1:
            found = ", ".join(sorted(named)) or "none"
            raise ValueError(f"a step is exactly one of {', '.join(actions(type(self)))}; found: {found}")
        if getattr(self, self.named) is None:
            raise ValueError(f"{self.named} needs a value; write {{}} where there is nothing to say")
        return self

    @property
    def named(self) -> str:
        """The action's name, as in the file."""
        return next(iter(self.model_fields_set - self.beside))

    @property
    def body(self) -> Any:
        """The document under the action's name."""
        return getattr(self, self.named)


def actions(model: type[BaseModel]) -> list[str]:
    """List the names of the actions that a step may be, in the order of the contract."""
    beside: frozenset[str] = getattr(model, "beside", frozenset())
    return [name for name in model.model_fields if name not in beside]


BY_THE_ENGINE = {"deploy", "preview", "refresh", "destroy"}


class Step(Action):
    """One action, or several that begin together, with what is expected of it."""

    at_once: OrNotGiven[Annotated[list[Action], Field(min_length=1, max_length=200)]] = None
    """Actions that begin together. The runs that they set off overlap, however slow the machine is."""
    note: OrNotGiven[Text] = None
    """A text for people, instead of the description of the step."""
    settle_s: OrNotGiven[float] = Field(default=None, gt=0, le=3600)
    """The longest time to wait, in seconds, until nothing runs any more; the scenario's own if it is not given."""
    expect_runs: OrNotGiven[Count] = None
    """The number of runs that the step sets off: exactly so many, or {at_least: 1, at_most: 2}."""
    expect_writes: OrNotGiven[Count] = None
    """The number of writes to members' contacts that the product makes until nothing runs any more."""

    beside: ClassVar[frozenset[str]] = frozenset({"note", "settle_s", "expect_runs", "expect_writes"})

    @model_validator(mode="after")
    def _one_engine(self) -> "Step":
        engine = [action.named for action in self.at_once or [] if action.named in BY_THE_ENGINE]
        if len(engine) > 1:
            raise ValueError(f"the engine does one thing at a time, not {' and '.join(engine)}")
        return self
