"""Errors by name, those that any system meets; each says what to do about it.

A code stands in receipts, metrics, notifications and the command's output, and `explain` turns it back into
advice. What a program treats alike has one class, whose name is its code; what it only passes on to people is a
`Reason` in a table. Messages carry ids, kinds and field names, never a contact's values.
"""

from enum import StrEnum
from typing import Generic, NamedTuple, Self, TypeVar


class OrgsyncError(Exception):
    """Root of every error that orgsync names."""

    remedy: str = "Look at the run's report and the function's log."
    """The next step, as a sentence for an operator."""

    @property
    def code(self) -> str:
        """Return the class's own name."""
        return type(self).__name__

    @property
    def skips(self) -> bool:
        """Return whether an account with such an error was skipped on purpose, and did not fail."""
        return False


class Reason(StrEnum):
    """Codes that are passed on to people; each member stands with its meaning and its remedy."""

    meaning: str
    remedy: str

    def __new__(cls, code: str, meaning: str, remedy: str) -> Self:
        """Make a member, which equals its code."""
        member = str.__new__(cls, code)
        member._value_, member.meaning, member.remedy = code, meaning, remedy
        return member

    @property
    def skips(self) -> bool:
        """Return whether an account with this reason was skipped on purpose, and did not fail."""
        return False


_Reason = TypeVar("_Reason", bound=Reason)


class ReasonedError(OrgsyncError, Generic[_Reason]):
    """An error of a family that is caught as one; its code is its reason's."""

    def __init__(self, reason: _Reason, *details: str) -> None:
        super().__init__(*details)
        self.reason = reason
        self.remedy = reason.remedy

    @property
    def code(self) -> str:
        """Return the reason's code."""
        return str(self.reason)

    @property
    def skips(self) -> bool:
        """Return whether an account with this error was skipped on purpose, and did not fail."""
        return self.reason.skips


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
    """AWS reported a conflict with another call of the same moment."""


class NotInForce(Temporary):
    """AWS refuses permissions that were given a moment ago: they come into force within minutes."""

    remedy = "Nothing to do: it is asked again, and judged two minutes after the deployment began."


class Throttled(CallError):
    """AWS asked to slow down, and let no call of the operation through for a quarter of an hour."""

    remedy = "Look for another tool that uses the quota; lower `pacing`, or move the schedule away from its time."


class RefusedCall(CallError):
    """AWS refused the call, for what it asks or for whose account it is; it is not repeated in this run."""

    remedy = "Look for AWS's code in the process function's log; exclude the account if it refuses for good."


class AccessDenied(RefusedCall):
    """AWS denied the call."""

    remedy = (
        "Check trusted access for account.amazonaws.com in the organization, service control policies, "
        "and the process function's role."
    )


class UnexpectedAnswer(CallError):
    """A call ended with an error that orgsync does not know."""

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


def _classes(error: type[OrgsyncError]) -> list[type[OrgsyncError]]:
    return [error, *(found for child in error.__subclasses__() for found in _classes(child))]


def error_class(code: str) -> type[OrgsyncError]:
    """Return the class whose code this is; `OrgsyncError` for a reason, or a code of another version."""
    return next((error for error in _classes(OrgsyncError) if error.__name__ == code), OrgsyncError)


class Explanation(NamedTuple):
    """Text of a code for people: one sentence that says what it means, and the next step."""

    meaning: str
    remedy: str


def explain(code: str) -> Explanation:
    """Return what a code means and what to do about it; general advice for a code of another version."""
    for reason in (one for reasons in Reason.__subclasses__() for one in reasons):
        if reason == code:
            return Explanation(reason.meaning, reason.remedy)
    error = error_class(code)
    return Explanation((error.__doc__ or "").strip(), error.remedy)
