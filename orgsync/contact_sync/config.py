"""The configuration of contact sync: one shape in the stack file, the table and at run time.

`pulumi preview`, the initial sync's custom resource and a run that reads the table all validate
with `parse`, so that nothing reaches the table that a run could not use. Keys are the spec's,
in snake_case. The model is frozen: a run keeps the version it has read to its end.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from orgsync.contact_sync.names import Kind, OnSourceDelete, Operation
from orgsync.shared.configuration import StrictModel, validate
from orgsync.shared.notification_settings import NotificationSettings
from orgsync.shared.organization_units import account_id, unit_path_or_id
from orgsync.shared.schedule import schedule as schedule_that_fires

AccountId = Annotated[str, BeforeValidator(account_id)]


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError("name each entry once")
    return values


def _listed(value: Any) -> Any:
    """Take one tag value as a list of one."""
    values = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else (None,)
    if not all(isinstance(item, str) for item in values):
        raise ValueError("must be a value in quotes, or a list of such values")
    return values


TagValues = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]


class RetryConfig(StrictModel):
    """Retries of a temporary failure of one call; delays in seconds, doubling."""

    max_attempts: int = Field(default=3, ge=0, le=10)
    base_delay: float = Field(default=2, ge=0, le=60)
    max_delay: float = Field(default=60, ge=0, le=300)

    @model_validator(mode="after")
    def _order(self) -> "RetryConfig":
        if self.max_delay < self.base_delay:
            raise ValueError("max_delay must not be below base_delay")
        return self

    def delays(self) -> tuple[float, ...]:
        """Return the seconds before each retry: 2, 4, 8 by default."""
        return tuple(min(self.base_delay * 2**i, self.max_delay) for i in range(self.max_attempts))


class VerifyConfig(StrictModel):
    """Verification of a write: seconds before the first look, doubling before each further one."""

    delay: float = Field(default=2, ge=0, le=60)
    max_attempts: int = Field(default=4, ge=1, le=10)

    def delays(self) -> tuple[float, ...]:
        """Return the seconds before each look: 2, 4, 8, 16 by default."""
        return tuple(self.delay * 2**i for i in range(self.max_attempts))


class NewAccountsConfig(StrictModel):
    """Accounts that were just created or have joined: AWS refuses calls about them for minutes; in seconds."""

    settle: int = Field(default=120, ge=0, le=3600)
    patience: int = Field(default=900, ge=0, le=24 * 3600)


class Pace(StrictModel):
    """A quota: calls per second and how many may come at once."""

    rate: float = Field(gt=0, le=1000)
    burst: float = Field(ge=1, le=2000)


# Commercial quotas per calling account (AWS: Account Management quotas). ListTagsForResource
# belongs to Organizations, whose quota for it is not published: a guess on the careful side.
AWS_QUOTAS: Mapping[Operation, Pace] = {
    Operation.GET_PRIMARY: Pace(rate=10, burst=15),
    Operation.PUT_PRIMARY: Pace(rate=5, burst=8),
    Operation.GET_ALTERNATE: Pace(rate=10, burst=15),
    Operation.PUT_ALTERNATE: Pace(rate=5, burst=8),
    Operation.DELETE_ALTERNATE: Pace(rate=1, burst=6),
    Operation.LIST_TAGS: Pace(rate=10, burst=15),
}


class ContactSyncConfig(StrictModel):
    """Decisions of an owner about contact sync; an empty mapping is a safe default."""

    contact_types: Annotated[tuple[Kind, ...], AfterValidator(_unique)] = Field(default=tuple(Kind), min_length=1)
    excluded_accounts: Annotated[tuple[AccountId, ...], AfterValidator(_unique)] = ()
    excluded_units: Annotated[tuple[Annotated[str, AfterValidator(unit_path_or_id)], ...], AfterValidator(_unique)] = ()
    excluded_tags: Mapping[Annotated[str, Field(min_length=1, max_length=128)], TagValues] = Field(default_factory=dict)
    on_source_delete: OnSourceDelete = OnSourceDelete.ALERT
    retry_config: RetryConfig = RetryConfig()
    verify_config: VerifyConfig = VerifyConfig()
    new_accounts: NewAccountsConfig = NewAccountsConfig()
    pacing: Mapping[Operation, Pace] = Field(default_factory=dict)
    schedule: Annotated[str, AfterValidator(schedule_that_fires)] = "rate(1 day)"
    notification_settings: NotificationSettings = NotificationSettings()
    paused: bool = False

    def excludes(self, tags: Mapping[str, str]) -> bool:
        """Return whether any tag of an account has an excluded value."""
        return any(tags.get(key) in values for key, values in self.excluded_tags.items())

    def pace(self, operation: Operation) -> Pace:
        """Return the pace of one operation: the owner's, or AWS's quota."""
        return self.pacing.get(operation, AWS_QUOTAS[operation])


def parse(document: Mapping[str, Any], path: str = "") -> ContactSyncConfig:
    """Validate a configuration document.

    Args:
        path: where the document stands, for the mistakes' paths.

    Raises:
        ConfigurationRefused: with one line a mistake: its path, what is wrong, what is allowed.
    """
    return validate(ContactSyncConfig, document, path)
