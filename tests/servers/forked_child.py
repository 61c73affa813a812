"""The first steps of a process that the fork server forked: it becomes what Python's ``-m`` would have started."""

import ctypes
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence

#: Of Linux: a process gets this signal when its parent ends.
PR_SET_PDEATHSIG = 1


def become(module: Sequence[str], environment: Mapping[str, str], out: str, err: str) -> None:
    """Run a module with its arguments and environment, with its output added to two files. Does not return."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for path, descriptor in ((out, 1), (err, 2)):
        opened = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, descriptor)
        os.close(opened)
    # Not at the top: pytest imports this file too, and the vault takes two seconds.
    from tests.loop_watchdog import watch  # noqa: PLC0415 - see above
    from vault.jitter import RANDOM  # noqa: PLC0415 - see above

    watch()
    os.environ.clear()
    os.environ.update(environment)
    name, *arguments = module
    sys.argv = [name, *arguments]
    RANDOM.seed()
    _end(_run(name))


def _run(name: str) -> int:
    """Run a module and return its exit status, as Python finds it."""
    try:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:  # noqa: BLE001 - as Python does when nobody catches it
        traceback.print_exc()
        return 1
    return 0


def _end(status: int) -> None:
    """End as every Python does: multiprocessing would leave out what waits for the end of the interpreter."""
    ctypes.pythonapi.Py_Exit(status)
