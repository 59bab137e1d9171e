"""An emulated AWS around one organization: moto behind one server, plus one file for each thing it lacks."""

from .account import AccountError, AccountService, Caller, Write
from .cloud import Cloud
from .cloudformation import StackState
from .errors import (
    SandboxError,
    SettleTimeout,
    StackError,
    UnknownAccount,
    UnknownFunction,
    UnknownOperation,
    UnknownTarget,
    WrongFault,
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
