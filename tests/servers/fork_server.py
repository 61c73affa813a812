"""Forks processes that begin with what the vault imports: without it two of the three seconds of a start are imports.

Started as ``python -m tests.servers.fork_server FD`` by ``forked.py``, with a socket as its only door. It is
the parent of all it forks, so that a process id means the same one until somebody asked how it ended.
"""

import ctypes
import json
import os
import runpy
import signal
import socket
import sys
from pathlib import Path
from typing import Any

#: What a process of the vault imports when it starts, and what some settings ask for besides.
_IMPORTED = (
    "vault.server.asgi",
    "vault.cli.operator",
    "vault.server.worker_process",
    "vault.database.engines.postgresql",
    "vault.objects.s3",
    "vault.keyservice.aws_kms",
    "vault.keyservice.openbao",
    "tests.loop_watchdog",
)
#: Bytes of a message: arguments and an environment.
LONGEST = 64 * 1024
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Import, then fork until nobody asks any more. Returns only in what was forked, after its work."""
    for name in _IMPORTED:
        __import__(name)
    alone = len(list(Path("/proc/self/task").iterdir())) == 1
    assert alone, "What has threads must not fork."
    connection = socket.socket(fileno=int(sys.argv[1]))
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, LONGEST, 2)
        if not message:
            return
        asked = json.loads(message)
        if "pid" in asked:
            answer = _status(asked["pid"])
        elif (answer := os.fork()) == 0:
            connection.close()
            _become(asked, *descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(json.dumps(answer).encode())


def _status(pid: int) -> int | None:
    """Return how a process ended, as subprocess counts it; None while it runs."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _become(asked: dict[str, Any], out: int, err: int) -> None:
    """Run a module as Python would, with these arguments, this environment and these standard streams."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for descriptor in {out, err} - {1, 2}:
        os.close(descriptor)
    # Not at the top: the tests import this file before pytest has its plugins.
    from tests.loop_watchdog import watch  # noqa: PLC0415 - see above

    watch()
    os.environ.clear()
    os.environ.update(asked["environment"])
    module, *arguments = asked["module"]
    sys.argv = [module, *arguments]
    from vault.jitter import RANDOM  # noqa: PLC0415 - imported long ago

    RANDOM.seed()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
