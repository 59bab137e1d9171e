"""Errors of the sandbox, each with a name of its own: what it does not know it refuses, and never pretends to do."""


class SandboxError(Exception):
    """The base of all errors that the sandbox itself raises."""


class UnknownOperation(SandboxError):
    """An API operation, or a feature of one, that the sandbox does not emulate."""


class UnknownTarget(SandboxError):
    """A target of an event or schedule to which the sandbox cannot deliver."""


class UnknownFunction(SandboxError):
    """A function of a fault or an invocation that exists neither in the cloud nor in the program."""


class InvalidFault(SandboxError):
    """A fault with keys or values that are not allowed."""


class UnknownAccount(SandboxError):
    """An account id that is not in the organization."""


class RenameRefused(SandboxError):
    """A new name for a unit that does not exist, or one that two units would have in one place."""


class StackError(SandboxError):
    """A CloudFormation request that cannot be begun: a wrong template, a name in use, a missing stack."""


class SettleTimeout(SandboxError):
    """Tasks that still ran when the time to settle was over; the message names them."""
