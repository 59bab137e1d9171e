"""What the sandbox refuses, each by its own name: it never pretends to have done a thing it does not know."""


class SandboxError(Exception):
    """Base of everything the sandbox raises of its own accord."""


class UnknownOperation(SandboxError):
    """An API operation, or a feature of one, that the sandbox does not emulate."""


class UnknownTarget(SandboxError):
    """An event or schedule names a kind of target the sandbox cannot deliver to."""


class UnknownFunction(SandboxError):
    """A fault or an invocation names a function that exists neither in the cloud nor in the product."""


class InvalidFault(SandboxError):
    """A fault whose keys or values have no meaning here."""


class UnknownAccount(SandboxError):
    """An account id that is not in the organization."""


class StackError(SandboxError):
    """A CloudFormation request that cannot be begun: a wrong template, a name in use, a missing stack."""


class SettleTimeout(SandboxError):
    """Something still ran when the time to settle was over; the message names it."""
