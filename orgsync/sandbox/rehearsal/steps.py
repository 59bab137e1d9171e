"""The steps of a scenario: one model for each, named and spelled as in the file."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, StringConstraints, model_validator

from orgsync.sandbox.rehearsal.parts import (
    AccountId,
    ContactsDocument,
    Fault,
    StrictDocument,
    Tags,
    Text,
    UnitPath,
)

Casing = Literal["camel", "pascal"]


class EmptyStep(StrictDocument):
    """A step without details."""


StackName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]


class StackStep(StrictDocument):
    """The steps `deploy` and `preview`: a stack file, and what is laid over the scenario's own `config`."""

    stack: StackName = "dev"
    config: dict[str, Any] = Field(default_factory=dict)


class DeployedStackStep(StrictDocument):
    """The steps `refresh` and `destroy`: one of the deployed stacks; without a name, the last one."""

    stack: StackName | None = None


class _Edit(ContactsDocument):
    casing: Casing = "camel"

    @model_validator(mode="after")
    def _names_a_kind(self) -> "_Edit":
        if not self.given():
            raise ValueError("name at least one kind: primary, billing, operations or security")
        return self


class EditSource(_Edit):
    """A change of the management account's own contacts."""

    via: Literal["api", "console"] = "api"


class EditMember(_Edit):
    """A change of a member's contacts, by the member itself or from the management account."""

    account: AccountId
    via: Literal["member", "management"] = "member"


class NewAccount(StrictDocument):
    """The steps `create_account` and `join_account`."""

    name: Text
    ou: UnitPath = "/"


class MoveAccount(StrictDocument):
    account: AccountId
    ou: UnitPath


class TagAccount(StrictDocument):
    account: AccountId
    tags: Tags


class EventStep(StrictDocument):
    """An event of any kind, put on the default bus unchanged."""

    source: Text
    detail_type: Text = Field(alias="detail-type")
    detail: Any
    times: int = Field(default=1, ge=1, le=1000)
    bus_region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] = "us-east-1"


class Action(StrictDocument):
    """One action: exactly one of the keys below."""

    deploy: StackStep | None = None
    edit_source: EditSource | None = None
    edit_member: EditMember | None = None
    create_account: NewAccount | None = None
    join_account: NewAccount | None = None
    close_account: AccountId | None = None
    move_account: MoveAccount | None = None
    tag_account: TagAccount | None = None
    event: EventStep | None = None
    schedule: EmptyStep | None = None
    fault: Fault | None = None
    clear_faults: EmptyStep | None = None
    command: Text | None = None
    preview: StackStep | None = None
    refresh: DeployedStackStep | None = None
    destroy: DeployedStackStep | None = None

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
    """An action, or several started together, with a `note` for the progress output and a time limit of its own."""

    at_once: Annotated[list[Action], Field(min_length=1, max_length=200)] | None = None
    note: Text | None = None
    settle_s: float | None = Field(default=None, gt=0, le=3600)

    beside: ClassVar[frozenset[str]] = frozenset({"note", "settle_s"})

    @model_validator(mode="after")
    def _one_engine(self) -> "Step":
        engine = [action.named for action in self.at_once or [] if action.named in BY_THE_ENGINE]
        if len(engine) > 1:
            raise ValueError(f"the engine does one thing at a time, not {' and '.join(engine)}")
        return self
