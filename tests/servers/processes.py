"""Servers as child processes: in the foreground, stopped by their own handle, dead with their parent."""

import contextlib
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from tests.servers.forked import Running, is_forked, start_forked


@contextlib.contextmanager
def process(command: list[str], log: Path, **environment: str) -> Iterator[Running]:
    """Run a server until the end of the block. It also dies if this process is killed."""
    with log.open("ab") as output:
        running = _start(command, environment, log, output)
    try:
        yield running
    finally:
        # The handle is reaped here, so a process that has ended is never mistaken for a living one.
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def _start(command: list[str], environment: dict[str, str], log: Path, output: IO[bytes]) -> Running:
    if environment and is_forked(command):
        return start_forked(command, environment, log, log)
    if shutil.which("setpriv"):
        command = ["setpriv", "--pdeathsig", "KILL", *command]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment or None
    )


def wait_until(ready: Callable[[], bool], running: Running, log: Path, seconds: float) -> None:
    """Poll until the server is ready; raises RuntimeError with the end of its log if it never is."""
    deadline = time.monotonic() + seconds
    while not ready():
        if running.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"The server did not come up (exit status {running.poll()}). Its log:\n{tail}")
        time.sleep(0.05)


def is_ready(url: str) -> bool:
    """Say whether it answers with 2xx there."""
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - a loopback URL that the tests made
            return True
    except OSError:  # HTTPError is one.
        return False


def answers(url: str) -> bool:
    """Say whether something speaks HTTP there, whatever it says."""
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - a loopback URL that the tests made
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False
