"""Errors by name, those that any system meets; each says what to do about it.

A class's name is its code: it stands in receipts, metrics, notifications and the command's
output, and `error_class` turns it back into advice. Messages carry ids, kinds and field names, never a
contact's values.
"""

from typing import ClassVar


class OrgsyncError(Exception):
    """Root of every error that orgsync names."""

    remedy: ClassVar[str] = "Look at the run's report and the function's log."
    """The next step, as a sentence for an operator."""
    skips: ClassVar[bool] = False
    """A class attribute: an account with such an error was skipped and did not fail."""

    @property
    def code(self) -> str:
        """Return the class's own name."""
        return type(self).__name__

    @classmethod
    def meaning(cls) -> str:
        """Return the one sentence that says what the code means."""
        return (cls.__doc__ or "").strip()


class CallError(OrgsyncError):
    """A call about one account failed, or its effect could not be seen; the other accounts go on."""


class Temporary(CallError):
    """A failure that may pass: it is tried again as retry_config says."""

    remedy = "Nothing to do at once: the next pass tries again. If it lasts, look at AWS's health page."


class ServiceFailed(Temporary):
    """AWS answered with a failure of its own (5xx)."""


class NetworkFailed(Temporary):
    """No answer came from AWS."""


class Conflicted(Temporary):
    """Another call changed the contact at the same moment."""


class NotInForce(Temporary):
    """AWS refuses permissions that were given a moment ago: they come into force within minutes."""

    remedy = "Nothing to do: it is asked again, and judged two minutes after the deployment began."


class Throttled(CallError):
    """AWS asked to slow down, and let no call of the operation through for a quarter of an hour."""

    remedy = "Look for another tool that uses the quota; lower `pacing`, or move the schedule away from its time."


class RefusedCall(CallError):
    """AWS refused the call for what it asks, or for whose account it is: the same call will be refused again."""


class AccessDenied(RefusedCall):
    """AWS refused the call for lack of permission."""

    remedy = (
        "Check trusted access for account.amazonaws.com in the organization, service control policies, "
        "and the process function's role."
    )


class UnexpectedAnswer(CallError):
    """AWS answered with an error that orgsync does not know."""

    remedy = "Look for the code in the process function's log and report it, so that it gets a name."


class StoreFailed(OrgsyncError):
    """The stack's own tables, bucket or state machine did not answer, or refused."""

    remedy = (
        "Check the permissions of whoever asked, and the key's policy; if AWS failed, ask again: "
        "doing anything again is harmless."
    )


class NotificationFailed(OrgsyncError):
    """A notification could not be published; the run's own result stands."""

    remedy = "Check the topic's policy and key; the run's report holds everything that the notification said."


class UnexpectedError(OrgsyncError):
    """A function met an error that orgsync does not know; its text is withheld, because it may repeat anything."""

    remedy = "Look for the run's id in the log of the function that died, and report the error's kind and place."


def _with_subclasses(error: type[OrgsyncError]) -> list[type[OrgsyncError]]:
    return [error, *(found for child in error.__subclasses__() for found in _with_subclasses(child))]


def error_class(code: str) -> type[OrgsyncError]:
    """Return the class whose code this is; `OrgsyncError` for a code of another version.

    Its `meaning()` and `remedy` are what people read of a code that stands in a receipt, a header or a refusal.
    """
    return next((error for error in _with_subclasses(OrgsyncError) if error.__name__ == code), OrgsyncError)
