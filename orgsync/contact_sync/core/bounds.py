"""Bounds in time of a worker, from which follows when the last call of a run that was stopped has ended."""


class WorkerBounds:
    """Seconds in which each step of a worker ends, or ends the worker; all of them are enforced.

    Attributes:
        LOOK: after which a worker looks again whether its run was stopped: a stopped run must not write.
        ANSWER: in which a look for a stop, or an intent, is answered.
        SEND: after its intent in which a call that writes may be sent.
    """

    LOOK = 5.0
    ANSWER = 5.0
    SEND = 10.0

    @classmethod
    def last_call(cls, longest_call: float) -> float:
        """Return the seconds after which a stopped worker's last call has ended too.

        A worker that lives sees the stop at its next look. One that does not look records its last intent before the
        stop, knows of it `ANSWER` later, and sends the last call within `SEND` of that.

        Args:
            longest_call: seconds that a call itself lasts at most.
        """
        return max(cls.LOOK, cls.SEND) + cls.ANSWER + longest_call + 1
