"""The limits that the describer's child sets on itself before it reads a byte of a recording.

``confine`` runs before PyAV is imported, ``close_doors`` after: from then on the process cannot open
a file or a socket, nor start a process. All are hard limits, which only root could lift; only the CPU
time limit is set again for each job, and the parent's timeout backs it up.
A crash leaves no core dump and no file. The kernel kills the child when its parent dies.
"""

import ctypes
import math
import resource
import signal
import sys

from vault.errors import StartRefused

#: Limit of open files during imports, which need only a few at a time.
OPEN_FILES = 64
# From <linux/prctl.h>.
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38


def confine(memory: int, *, forks: bool = False) -> None:
    """Limit address space to ``memory`` bytes and forbid files, cores, privileges, and processes unless it ``forks``.

    Raises OSError or ValueError if the system refuses; the child must then exit.
    """
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        *(() if forks else ((resource.RLIMIT_NPROC, 0),)),
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
    """Forbid new file descriptors; open ones keep working."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def check_open_files() -> None:
    """Raise StartRefused if this process's limit of open files is too low for a child's imports."""
    may_open, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if may_open < OPEN_FILES:
        raise StartRefused(
            f"This process may open only {may_open} files at a time. Allow 1024 or more, with `ulimit -n 1024`, "
            "LimitNOFILE= of systemd or --ulimit nofile= of Docker."
        )


def forbid_attaching() -> None:
    """Allow only root to read this process's memory and environment, by ptrace(2) or /proc.

    Called in the process that starts the children: otherwise a child compromised by a recording could read the
    keys, because it has the same user id. Raises OSError if Linux refuses; does nothing on other systems.
    """
    if sys.platform == "linux":
        prctl(PR_SET_DUMPABLE, 0)


def allow_processor(seconds: int) -> None:
    """Allow ``seconds`` more CPU time; after that the kernel ends the process with SIGXCPU."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = math.ceil(usage.ru_utime + usage.ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, resource.RLIM_INFINITY))


def prctl(option: int, value: int) -> None:
    """Set an option of this process (prctl(2)). Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl failed")
