"""An emulated AWS around one organization: moto behind one server, plus one file for each thing it lacks."""

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.cloud.cloudformation import StackState
from orgsync.sandbox.errors import (
    SandboxError,
    SettleTimeout,
    StackError,
    UnknownAccount,
    UnknownFunction,
    UnknownOperation,
    UnknownTarget,
    WrongFault,
)
from orgsync.sandbox.model.account import (
    AccountError,
    AccountService,
    Caller,
    Write,
)

__all__ = [
    "AccountError",
    "AccountService",
    "Caller",
    "Cloud",
    "SandboxError",
    "SettleTimeout",
    "StackError",
    "StackState",
    "UnknownAccount",
    "UnknownFunction",
    "UnknownOperation",
    "UnknownTarget",
    "Write",
    "WrongFault",
]
