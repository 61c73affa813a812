"""``python -m bench recovery`` and ``outage``: how long after a fault every acknowledged recording is available.

recovery: ``kill -9`` under load. On SQLite the one process is killed and started again; on PostgreSQL one of two
workers is killed, and the other takes its work. Prints the seconds from the kill, and for SQLite also from the moment
at which the new process was ready. outage: the object store answers nothing for eight minutes while recordings are
announced. Prints the seconds from its return.
"""

import os
import secrets
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from bench.cost import Stage, announce_and_wait, noise, open_stage
from bench.counted_servers import Servers, descendants, fleet, single
from bench.machine import describe_machine
from tests.servers.media_thread import media_thread
from tests.servers.ports import free_ports

_ROUNDS: Final = 3
#: Seconds of load before the kill, and between two announcements.
_LOAD_SECONDS, _INTERVAL = 6.0, 0.25
_TIMEOUT: Final = 150.0
#: Seconds of an outage, and between two announcements meanwhile.
_OUTAGE_SECONDS, _OUTAGE_INTERVAL = 480.0, 2.0
_AVAILABLE: Final = "available"


def recovery() -> None:
    """Measure on SQLite and a directory, then on PostgreSQL and the Ceph gateway."""
    print(describe_machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="callvault-recovery-") as name, media_thread() as media:
        # Long enough for the kill to find work in hand.
        url = media.serve("/recording.wav", noise(30))
        print("SQLite and a directory; the process is killed and started again", flush=True)
        with single(Path(name, "single"), media.authority) as servers, open_stage(servers, media) as stage:
            for _ in range(_ROUNDS):
                _restart(stage, url)
        print("PostgreSQL 17 and the Ceph gateway; one of two workers is killed", flush=True)
        with fleet(Path(name, "fleet"), media.authority) as servers, open_stage(servers, media) as stage:
            for number in range(_ROUNDS):
                _take_over(stage, url, f"worker-{number + 2}")


def outage() -> None:
    """Measure on PostgreSQL and the Ceph gateway."""
    print(describe_machine(), flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="callvault-outage-") as name,
        media_thread() as media,
        fleet(Path(name, "fleet"), media.authority) as servers,
        open_stage(servers, media) as stage,
    ):
        url = media.serve("/recording.wav", noise(17))
        announce_and_wait(stage, url, 5)
        # It takes connections and answers none: the worst kind of outage, since each request waits for its deadline.
        gateway = _pid_of("radosgw")
        os.kill(gateway, signal.SIGSTOP)
        try:
            with _load(stage, url, _OUTAGE_INTERVAL) as acknowledged:
                time.sleep(_OUTAGE_SECONDS)
        finally:
            os.kill(gateway, signal.SIGCONT)
        back = time.monotonic()
        _wait(stage, acknowledged)
        print(
            f"  {len(acknowledged)} acknowledged in {_OUTAGE_SECONDS:.0f} s without the store; "
            f"all available {time.monotonic() - back:.1f} s after its return",
            flush=True,
        )


def _pid_of(program: str) -> int:
    """Return a process that this one started, by the name of its program."""
    commands = {
        pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0] for pid in descendants(os.getpid())
    }
    return next(pid for pid, command in commands.items() if Path(command.decode()).name == program)


def _restart(stage: Stage, url: str) -> None:
    servers = stage.servers
    port = int(servers.url.rpartition(":")[2])
    with _load(stage, url) as acknowledged:
        time.sleep(_LOAD_SECONDS)
        killed_at = _kill(servers, "vault")
    servers.start("vault", "serve", "--port", str(port), port=port)
    ready = time.monotonic()
    _wait(stage, acknowledged)
    now = time.monotonic()
    print(
        f"  {len(acknowledged)} acknowledged; all available {now - killed_at:.1f} s after the kill, "
        f"{now - ready:.1f} s after the start",
        flush=True,
    )


def _take_over(stage: Stage, url: str, name: str) -> None:
    (port,) = free_ports(1)
    stage.servers.start(name, "worker", "--health-port", str(port), port=port)
    with _load(stage, url) as acknowledged:
        time.sleep(_LOAD_SECONDS)
        killed_at = _kill(stage.servers, name)
    _wait(stage, acknowledged)
    print(
        f"  {len(acknowledged)} acknowledged; all available {time.monotonic() - killed_at:.1f} s after the kill",
        flush=True,
    )


def _kill(servers: Servers, name: str) -> float:
    os.kill(servers.pids.pop(name), signal.SIGKILL)
    return time.monotonic()


@contextmanager
def _load(stage: Stage, url: str, interval: float = _INTERVAL) -> Iterator[list[str]]:
    """Announce recordings until the end of the block; yield the references that were acknowledged."""
    acknowledged: list[str] = []
    ended = threading.Event()

    def announce() -> None:
        while not ended.wait(interval):
            ref = f"k-{secrets.token_hex(6)}"
            try:
                answer = stage.tenant.announce(url, call=ref, ref=ref)
            except httpx.HTTPError:
                continue
            if answer.is_success:
                acknowledged.append(ref)

    thread = threading.Thread(target=announce)
    thread.start()
    try:
        yield acknowledged
    finally:
        ended.set()
        thread.join()


def _wait(stage: Stage, acknowledged: list[str]) -> None:
    """Wait until every acknowledged recording is available. Raises TimeoutError."""
    waiting = list(acknowledged)
    _until(lambda: not _still_waiting(stage, waiting))


def _still_waiting(stage: Stage, waiting: list[str]) -> list[str]:
    """Forget the recordings that are available by now; return the rest."""
    while waiting:
        found = stage.tenant.http.get(stage.tenant.url("/recordings"), params={"call": waiting[-1]})
        items = found.json()["items"]
        if not items or items[0]["state"] != _AVAILABLE:
            break
        waiting.pop()
    return waiting


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not all recordings are available within {_TIMEOUT:.0f} s.")
        time.sleep(0.1)
