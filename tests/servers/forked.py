"""Processes of the vault by multiprocessing's fork server: to who started one, it is what subprocess.Popen is."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

from tests.servers.forked_child import become

_cold = threading.Event()
#: Only one thread asks how a process ended: multiprocessing reads it once, also for all others when it starts one.
_LOCK = threading.Lock()


class Running(Protocol):
    """A process that was started here."""

    pid: int

    def poll(self) -> int | None:
        """Return how it ended, None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended and return how. Raises TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it has ended."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


class Forked:
    """A running process of the fork server."""

    def __init__(self, process: BaseProcess) -> None:
        """Follow it."""
        assert process.pid is not None
        self.pid = process.pid
        self._process = process

    def poll(self) -> int | None:
        """Return how it ended, as subprocess counts it; None while it runs."""
        with _LOCK:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended and return how. Raises TimeoutExpired."""
        multiprocessing.connection.wait([self._process.sentinel], timeout)
        if (status := self.poll()) is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return status

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it has ended."""
        # The fork server has waited for it before it says how it ended.
        with _LOCK, contextlib.suppress(ProcessLookupError):
            if self._process.exitcode is None:
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


@cache
def _fork_server() -> ForkServerContext:
    """Return multiprocessing's fork server; it ends with this process, and with it what it forked."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tests.servers.preloaded", "tests.servers.forked_child"])
    return server


@contextlib.contextmanager
def cold() -> Iterator[None]:
    """Start processes as a shell does while the block runs, where memory or limits are looked at."""
    _cold.set()
    try:
        yield
    finally:
        _cold.clear()


def is_forked(command: Sequence[str]) -> bool:
    """Say whether this command can be forked: a module of the vault or of its tests."""
    python, option, name = [*command, "", "", ""][:3]
    ours = name.partition(".")[0] in {"vault", "tests"}
    return (
        sys.platform == "linux"
        and python == sys.executable
        and option == "-m"
        and ours
        and not _cold.is_set()
    )


def start_forked(command: Sequence[str], environment: Mapping[str, str], out: Path, err: Path) -> Forked:
    """Start what ``is_forked`` has agreed to; its output is added to two files, which exist."""
    process = _fork_server().Process(
        target=become, args=(command[2:], dict(environment), str(out), str(err)), daemon=True
    )
    with _LOCK:
        process.start()
    return Forked(process)


def run_forked(
    command: Sequence[str], environment: Mapping[str, str], *, seconds: float
) -> "subprocess.CompletedProcess[str]":
    """Run it to its end, as subprocess.run does. Raises TimeoutExpired, after it was killed."""
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        running = start_forked(command, environment, Path(out.name), Path(err.name))
        try:
            status = running.wait(seconds)
        except BaseException:
            running.kill()
            running.wait()
            raise
        return subprocess.CompletedProcess(list(command), status, out.read().decode(), err.read().decode())
