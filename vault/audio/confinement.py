"""The limits that the describer's child sets on itself before it touches a byte of a recording.

``confine`` comes before PyAV is imported, ``close_doors`` after: from then on the process can open
nothing at all, neither a file nor a socket, and start nothing. All limits are hard ones, so only root
could lift them; processor time alone is set anew for each job, and the parent's clock stands behind it.
A crash leaves nothing: no core, no file. The kernel kills the child when its parent dies.
"""

import ctypes
import math
import resource
import signal
import sys

from vault.errors import StartRefused

#: Open files while importing; the imports hold a handful at once.
OPEN_FILES = 64
# From <linux/prctl.h>.
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38


def confine(memory: int) -> None:
    """Limit address space to ``memory`` bytes and forbid files, cores, processes and privileges.

    Raises OSError or ValueError where the system refuses; the child must then not go on.
    """
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        resource.setrlimit(limit, (value, value))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        for option, value in (
            (PR_SET_PDEATHSIG, signal.SIGKILL),
            (PR_SET_DUMPABLE, 0),
            (PR_SET_NO_NEW_PRIVS, 1),
        ):
            prctl(option, value)


def close_doors() -> None:
    """Let no new file descriptor come into being; those that are open keep working."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def check_open_files() -> None:
    """Raise StartRefused where this process may not even give a child the files that it imports."""
    may_open, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if may_open < OPEN_FILES:
        raise StartRefused(
            f"This process may open only {may_open} files at a time. Allow 1024 or more, with `ulimit -n 1024`, "
            "LimitNOFILE= of systemd or --ulimit nofile= of Docker."
        )


def forbid_attaching() -> None:
    """Let nobody but root read this process's memory and environment, by ptrace(2) or /proc.

    For the process that starts the children: otherwise one of them that a recording has taken over reads the
    keys, for it has the same user id. Raises OSError where Linux refuses; other systems have no such call.
    """
    if sys.platform == "linux":
        prctl(PR_SET_DUMPABLE, 0)


def allow_processor(seconds: int) -> None:
    """Let the process use that much more processor time; then the kernel ends it by SIGXCPU."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = math.ceil(usage.ru_utime + usage.ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, resource.RLIM_INFINITY))


def prctl(option: int, value: int) -> None:
    """Set an option of this process (prctl(2)). Raises OSError where it fails."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl failed")
