"""The memory that a process has had at most."""

import resource
from pathlib import Path


def peak() -> int:
    """Return the KiB of memory that this process has had resident at most.

    Not what `getrusage` says: that counts from the moment at which the parent was forked.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.read_text().partition("VmHWM:")[2].split()[0])
