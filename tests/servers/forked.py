"""Processes of the vault by the fork server: to whoever started one, it is what subprocess.Popen is."""

import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import IO, Any, Protocol

from tests.servers.fork_server import LONGEST

#: Seconds between two looks whether a process has ended.
_PAUSE = 0.01
#: Seconds that the fork server has to end once nobody asks any more.
_PATIENCE = 10.0
_cold = threading.Event()


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

    def __init__(self, server: "ForkServer", pid: int) -> None:
        """Follow it."""
        self.pid = pid
        self._server = server
        self._status: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return how it ended, None while it runs."""
        with self._lock:
            if self._status is None:
                self._status = self._server.ask({"pid": self.pid})
            return self._status

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended and return how. Raises TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            time.sleep(_PAUSE)
        return status

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it has ended: until it was asked for, its id means no other process."""
        with self._lock:
            if self._status is None:
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The one fork server of this process; it dies with it."""

    def __init__(self) -> None:
        """Start it; it answers once it has imported everything."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._running = subprocess.Popen(
                [
                    *(["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []),
                    *(sys.executable, "-m", "tests.servers.fork_server", str(theirs.fileno())),
                ],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._connection = ours
        self._lock = threading.Lock()
        atexit.register(self.close)

    def start(
        self, module: Sequence[str], environment: Mapping[str, str], out: IO[bytes], err: IO[bytes]
    ) -> Forked:
        """Run a module with its arguments."""
        asked = {"module": module, "environment": dict(environment)}
        return Forked(self, self.ask(asked, out.fileno(), err.fileno()))

    def ask(self, asked: Mapping[str, Any], *descriptors: int) -> Any:
        """Send one message and return the answer. Raises ConnectionError if the fork server has died."""
        with self._lock:
            socket.send_fds(self._connection, [json.dumps(asked).encode()], list(descriptors))
            if not (answer := self._connection.recv(LONGEST)):
                raise ConnectionError("The fork server has died.")
        return json.loads(answer)

    def close(self) -> None:
        """End it, and with it whatever it forked and nobody stopped."""
        self._connection.close()
        self._running.wait(_PATIENCE)


@cache
def _fork_server() -> ForkServer:
    return ForkServer()


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


def start_forked(
    command: Sequence[str], environment: Mapping[str, str], out: IO[bytes], err: IO[bytes]
) -> Forked:
    """Start what ``is_forked`` has agreed to."""
    return _fork_server().start(command[2:], environment, out, err)


def run_forked(
    command: Sequence[str], environment: Mapping[str, str], *, seconds: float
) -> "subprocess.CompletedProcess[str]":
    """Run it to its end, as subprocess.run does. Raises TimeoutExpired, after it was killed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        running = start_forked(command, environment, out, err)
        try:
            status = running.wait(seconds)
        except BaseException:
            running.kill()
            running.wait()
            raise
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(list(command), status, out.read().decode(), err.read().decode())
