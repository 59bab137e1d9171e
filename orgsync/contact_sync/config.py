"""The configuration of contact sync: one shape in the stack file, the table and at run time.

`pulumi preview`, the initial sync's custom resource and a run that reads the table all validate
with `parse`, so that nothing reaches the table that a run could not use. Keys are the spec's,
in snake_case. The model is frozen: a run keeps the version it has read to its end.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from orgsync.contact_sync.names import FunctionName, Kind, OnSourceDelete, Operation
from orgsync.shared.configuration import ConfigurationRefused, StrictModel, canonical_json, validate
from orgsync.shared.notification_settings import NotificationSettings
from orgsync.shared.organization_units import account_id, unit_path_or_id
from orgsync.shared.schedule import schedule as schedule_that_fires

LARGEST_DOCUMENT = 350_000
"""Bytes of a document as JSON: as an item of DynamoDB, which takes 400 KB, it is smaller."""

AccountId = Annotated[str, BeforeValidator(account_id)]

LONGEST_WAITS = FunctionName.longest_life() - 60
"""Seconds that one account may wait in all; the last minute of a function's life is left for the calls."""


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


def _storable(value: float) -> float:
    # DynamoDB's numbers end at 1E-130, and nobody waits for a millionth of a second.
    if 0 < value < 1e-6:
        raise ValueError("must be 0 or at least 0.000001")
    return value


Measure = Annotated[float, AfterValidator(_storable)]

TagValues = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]


class RetryConfig(StrictModel):
    """Retries of a temporary failure of one call; delays in seconds, doubling.

    Attributes:
        fresh_permissions: seconds after the start of a first deployment's run in which a refusal may only say that
            permissions are not in force yet [doc: a minute or two], and is asked again.
    """

    max_attempts: int = Field(default=3, ge=0, le=10)
    base_delay: Measure = Field(default=2, ge=0, le=60)
    max_delay: Measure = Field(default=60, ge=0, le=300)
    fresh_permissions: Measure = Field(default=120, ge=0, le=300)

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

    delay: Measure = Field(default=2, ge=0, le=60)
    max_attempts: int = Field(default=4, ge=1, le=10)

    def delays(self) -> tuple[float, ...]:
        """Return the seconds before each look: 2, 4, 8, 16 by default."""
        return tuple(self.delay * 2**i for i in range(self.max_attempts))


class NewAccountsConfig(StrictModel):
    """Accounts that were just created or have joined: AWS refuses calls about them for minutes; in seconds.

    Attributes:
        settle: no run touches an account that is younger: it may be moved or tagged yet.
        patience: what AWS refuses of a younger account is tried again, and fails only after that.
    """

    settle: int = Field(default=120, ge=0, le=3600)
    patience: int = Field(default=900, ge=0, le=24 * 3600)

    @model_validator(mode="after")
    def _order(self) -> "NewAccountsConfig":
        # The first attempt would already count as a failure.
        if 0 < self.settle >= self.patience:
            raise ValueError(
                f"patience ({self.patience}) must be above settle ({self.settle}), because no new account is compared "
                "before it has settled; raise patience, or lower settle"
            )
        return self


class Pace(StrictModel):
    """A quota: calls per second and how many may come at once."""

    rate: Measure = Field(gt=0, le=1000)
    burst: float = Field(ge=1, le=2000)


# Commercial quotas per calling account (AWS: Account Management quotas). The last two belong to
# Organizations, whose quotas for them are not published: guesses on the careful side.
AWS_QUOTAS: Mapping[Operation, Pace] = {
    Operation.GET_PRIMARY: Pace(rate=10, burst=15),
    Operation.PUT_PRIMARY: Pace(rate=5, burst=8),
    Operation.GET_ALTERNATE: Pace(rate=10, burst=15),
    Operation.PUT_ALTERNATE: Pace(rate=5, burst=8),
    Operation.DELETE_ALTERNATE: Pace(rate=1, burst=6),
    Operation.LIST_TAGS: Pace(rate=10, burst=15),
    Operation.DESCRIBE_ACCOUNT: Pace(rate=8, burst=12),
}


class Pacing(StrictModel):
    """Paces by operation (its fields are `names.Operation`'s): AWS's quota where none is given.

    Attributes:
        explore: calls may come faster than that while AWS throttles none. AWS does not say whose quota it is; where it
            is each account's own, an organization has more of it than the documents promise.
    """

    explore: bool = False
    GetContactInformation: Pace = AWS_QUOTAS[Operation.GET_PRIMARY]
    PutContactInformation: Pace = AWS_QUOTAS[Operation.PUT_PRIMARY]
    GetAlternateContact: Pace = AWS_QUOTAS[Operation.GET_ALTERNATE]
    PutAlternateContact: Pace = AWS_QUOTAS[Operation.PUT_ALTERNATE]
    DeleteAlternateContact: Pace = AWS_QUOTAS[Operation.DELETE_ALTERNATE]
    ListTagsForResource: Pace = AWS_QUOTAS[Operation.LIST_TAGS]
    DescribeAccount: Pace = AWS_QUOTAS[Operation.DESCRIBE_ACCOUNT]


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
    pacing: Pacing = Pacing()
    schedule: Annotated[str, AfterValidator(schedule_that_fires)] = "rate(1 day)"
    notification_settings: NotificationSettings = NotificationSettings()
    paused: bool = False

    @model_validator(mode="after")
    def _waits(self) -> "ContactSyncConfig":
        # A life that cannot bring one account to its end would begin the account again and again.
        seconds = sum(self.retry_config.delays()) + sum(self.verify_config.delays())
        if seconds > LONGEST_WAITS:
            raise ValueError(
                f"the waits of retry_config and verify_config for one account add up to {seconds:.0f} seconds, and "
                f"{LONGEST_WAITS} at most fit into a function's life; lower their delays or their max_attempts"
            )
        return self

    def exclusions(
        self, *, account: str | None = None, units: Collection[str] | None = None, tags: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """Return the exclusions that match an account, in words: `account ID`, `unit /PATH`, `tag KEY=VALUE`.

        Args:
            account, units, tags: an account's id, the excluded units that it is below, its tags. Without any of
                them, every exclusion of the configuration is returned.
        """
        everything = account is None and units is None and tags is None
        found = [f"account {one}" for one in self.excluded_accounts if everything or one == account]
        found += [f"unit {one}" for one in self.excluded_units if everything or one in (units or ())]
        found += [
            f"tag {key}={value}"
            for key, values in self.excluded_tags.items()
            for value in values
            if everything or (tags or {}).get(key) == value
        ]
        return tuple(found)

    def pace(self, operation: Operation) -> Pace:
        """Return the pace of one operation: the owner's, or AWS's quota."""
        pace: Pace = getattr(self.pacing, operation)
        return pace


DECISIONS = frozenset(
    {"contact_types", "excluded_accounts", "excluded_units", "excluded_tags", "on_source_delete", "paused"}
)
"""Fields that decide what accounts should hold. Every other field says how, when or for whom a run works."""


def starts_run(before: ContactSyncConfig, after: ContactSyncConfig) -> bool:
    """Return whether a change of configuration must be followed by a run: what accounts should hold has changed.

    The order of a list decides nothing. A pause keeps every run from starting; its end starts one, for whatever
    happened meanwhile.
    """
    return not after.paused and any(
        _unordered(getattr(before, name)) != _unordered(getattr(after, name)) for name in DECISIONS
    )


def _unordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _unordered(item) for key, item in value.items()}
    return frozenset(value) if isinstance(value, tuple) else value


def parse(document: Mapping[str, Any], path: str = "") -> ContactSyncConfig:
    """Validate a configuration document.

    Args:
        path: where the document stands, for the mistakes' paths.

    Raises:
        ConfigurationRefused: with one line a mistake: its path, what is wrong, what is allowed.
    """
    config = validate(ContactSyncConfig, document, path)
    size = len(canonical_json(document))
    if size > LARGEST_DOCUMENT:
        raise ConfigurationRefused(
            f"{path or 'the document'}: has {size} bytes as JSON, {LARGEST_DOCUMENT} at most; "
            "exclude accounts by unit or tag rather than one by one"
        )
    return config
