"""What a process has used: seconds of processor time, and its peak memory."""

import resource
from pathlib import Path

from vault.audio.confinement import PR_SET_DUMPABLE, prctl

_KIB = 1024


def usage() -> dict[str, float]:
    """Return seconds of all threads, and the highest and the present resident bytes of this process."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("ascii").splitlines())
    peak, now = (int(fields[name].split()[0]) * _KIB for name in ("VmHWM", "VmRSS"))
    return {"seconds": spent.ru_utime + spent.ru_stime, "peak": peak, "now": now}


def forget_peak() -> dict[str, float]:
    """Let the highest memory be that of this moment, and return the usage."""
    # A process that holds keys may not even do this itself, unless it is root or says that others may look.
    prctl(PR_SET_DUMPABLE, 1)
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    prctl(PR_SET_DUMPABLE, 0)
    return usage()
