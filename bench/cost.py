"""What one recording, call or listener costs: ``python -m bench cost``, or with options ``python -m bench.cost``.

Prints, for each thing that the vault does, CPU milliseconds by process, statements (without BEGIN and COMMIT),
transactions, fsyncs of the WAL and S3 requests, each for one of it. They do not depend on how busy the machine is, so
they are compared between releases as they stand. Rows: webhook, ack (webhooks while the worker is stopped), large,
call-start, play, idle, sqlite. ``--write FILE`` also writes the rows of PostgreSQL to a file; ``bench/costs.json`` is
what ``python -m bench capacity`` computes from.
"""

import argparse
import io
import itertools
import json
import secrets
import tempfile
import time
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx

from bench.counted_servers import STATISTICS_DELAY, Count, Servers, fleet, single
from bench.machine import describe_machine
from tests.servers.media_thread import MediaThread, media_thread
from tests.support.tenant import Tenant

#: Seconds of audio, two channels of 16 bits at 8,000 Hz: 34 s are 544 KB, 328 s are 10.5 MB.
SHORT, LONG = 17, 328
_TIMEOUT: Final = 300.0
_AT_A_TIME: Final = 8
_RANGES: Final = 10
_IDLE_SECONDS: Final = 30.0
_SHOWN: Final = ("statements", "transactions", "fsyncs", "requests")
#: The rows of PostgreSQL: what each is called, and what part of --number it does.
_ROWS: Final = {
    "webhook": ("webhook, 544 KB", 1),
    "accounts": ("webhook, 544 KB, 20 accounts in turn", 1),
    "large": ("webhook, 10.5 MB", 4),
    "call-start": ("call start", 1),
    "play": ("open and ten ranges of 54 KB", 4),
    "ack": ("webhook, acknowledged", 1),
}
#: More accounts than a worker has describers, so that each recording is of another account than the one before.
_ACCOUNTS: Final = 20
_COUNTED: Final = (*_SHOWN, "puts", "wal_bytes", "database_bytes", "events")


@dataclass(slots=True, kw_only=True)
class Stage:
    """A vault with one account and a media host."""

    servers: Servers
    tenant: Tenant
    media: MediaThread
    #: What the processes do for one second while nothing happens.
    idle: Count | None = None
    #: What each row costs, for ``--write``.
    costs: dict[str, dict[str, float]] = field(default_factory=dict)

    def measure(self, row: str, name: str, number: int, act: Callable[[], None]) -> None:
        """Print what ``act`` costs, for one of ``number``, and remember it under the row's name."""
        self._rest()
        before = self.servers.count()
        act()
        done = self.servers.cpu()
        self._rest()
        after = self.servers.count()
        cpu = {one: (done.cpu[one] - before.cpu[one]) * 1000 / number for one in done.cpu}
        rest = after.at - done.at
        counted = {
            what: (getattr(after, what) - getattr(before, what) - self._idle(what) * rest) / number
            for what in _COUNTED
        }
        self.costs[row] = {f"{one} ms": value for one, value in cpu.items()} | counted
        parts = "  ".join(f"{one} {value:.1f}" for one, value in cpu.items())
        print(f"  {name:<34} {number:>4}  CPU ms: {parts}", flush=True)
        if self.servers.database_url is not None:
            print(
                f"  {'':<40}" + "  ".join(f"{what} {counted[what]:.1f}" for what in _SHOWN),
                flush=True,
            )

    def measure_idle(self) -> None:
        """Print what the processes do while nothing happens, and remember it."""
        self._rest()
        before = self.servers.count()
        time.sleep(_IDLE_SECONDS)
        after = self.servers.count()
        seconds = after.at - before.at
        cpu = {one: (after.cpu[one] - before.cpu[one]) / seconds for one in after.cpu}
        rates = {what: (getattr(after, what) - getattr(before, what)) / seconds for what in _COUNTED}
        self.costs["idle"] = {f"{one} ms": share * 1000 for one, share in cpu.items()} | rates
        self.idle = Count(at=1.0, cpu=cpu, **rates)  # type: ignore[arg-type]
        parts = "  ".join(f"{one} {share:.2%}" for one, share in cpu.items())
        print(f"  {'idle, of one core':<40}{parts}", flush=True)
        if self.servers.database_url is not None:
            print(f"  {'':<40}" + "  ".join(f"{what}/s {rates[what]:.1f}" for what in _SHOWN), flush=True)

    def _idle(self, what: str) -> float:
        return 0.0 if self.idle is None else float(getattr(self.idle, what))

    def _rest(self) -> None:
        """Wait until every session has reported its counters."""
        if self.servers.database_url is not None:
            time.sleep(STATISTICS_DELAY)


def _announce(
    stage: Stage, url: str, number: int, *, parties: bool = False, tenants: Sequence[Tenant] = ()
) -> None:
    """Announce recordings of these accounts in turn, or else of the stage's own."""
    turns = itertools.cycle(tenants or [stage.tenant])
    refs = [f"w-{secrets.token_hex(6)}" for _ in range(number)]

    def announce(ref: str, tenant: Tenant) -> None:
        numbers = (
            {"from": f"+4930{int.from_bytes(ref.encode()) % 10**8:08}", "to": "+493099999999"}
            if parties
            else {}
        )
        answer = tenant.announce(url, call=ref, ref=ref, **numbers)
        assert answer.status_code == 202, answer.text  # noqa: S101, PLR2004

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(announce, refs, turns))


def announce_and_wait(
    stage: Stage, url: str, number: int, *, parties: bool = False, tenants: Sequence[Tenant] = ()
) -> None:
    """Announce recordings, with the numbers of their ``parties`` or without, and wait until all can be played."""
    _announce(stage, url, number, parties=parties, tenants=tenants)
    _wait_for(stage, number)


def _wait_for(stage: Stage, number: int) -> None:
    # One request a second, so that the question costs little.
    deadline = time.monotonic() + _TIMEOUT
    while (work := _waiting(stage)) > 0:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{work} of {number} recordings are not available.")
        time.sleep(1.0)


def _waiting(stage: Stage) -> int:
    page = stage.tenant.http.get("/metrics").text
    rows = [line for line in page.splitlines() if line.startswith("callvault_queue_recordings{")]
    return int(sum(float(line.rpartition(" ")[2]) for line in rows))


def _call_starts(stage: Stage, number: int) -> None:
    def start(number: int) -> None:
        started_at = datetime.now(UTC).isoformat()
        numbers = {"direction": "inbound", "caller": f"+4930{number:08}", "callee": "+493099999999"}
        answer = stage.tenant.http.put(
            stage.tenant.url(f"/calls/c-{secrets.token_hex(6)}"), json=numbers | {"started_at": started_at}
        )
        assert answer.is_success, answer.text  # noqa: S101

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(start, range(number)))


def _plays(stage: Stage, recording: str, number: int) -> None:
    """Open a link and read ten ranges, as a player does."""
    links = [stage.tenant.link(recording) for _ in range(number)]

    def play(link: Mapping[str, str]) -> None:
        with httpx.Client(timeout=_TIMEOUT) as browser:
            page = browser.post(f"{link['url']}/open", data={"nonce": secrets.token_hex(8)})
            assert page.status_code == 303, page.text  # noqa: S101, PLR2004
            session = f"{stage.servers.url}{page.headers['location']}"
            for start in range(_RANGES):
                first = start * 54_000
                got = browser.get(f"{session}/audio", headers={"Range": f"bytes={first}-{first + 53_999}"})
                assert got.status_code == 206, got.text  # noqa: S101, PLR2004

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(play, links))


def noise(seconds: int) -> bytes:
    """Return a WAV file of noise, of 32 KB a second."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(secrets.token_bytes(8000 * 4 * seconds))
    return out.getvalue()


@contextmanager
def open_stage(servers: Servers, media: MediaThread) -> Iterator[Stage]:
    """Open an account of the running vault."""
    key = servers.command("keys", "create", "--name", "cost", "--scopes", "*")
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=servers.url, headers=headers, timeout=60) as http:
        yield Stage(servers=servers, tenant=Tenant.open(http), media=media)


def _write(path: Path, costs: Mapping[str, Mapping[str, float]]) -> None:
    """Replace these rows of the file, and leave the others."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    rounded = {row: {what: round(value, 2) for what, value in one.items()} for row, one in costs.items()}
    path.write_text(json.dumps(kept | rounded, indent=2, sort_keys=True) + "\n")


def act_of(stage: Stage, row: str, number: int, short: str, long: str) -> Callable[[], None]:
    """Return what does the row's work ``number`` times; ``short`` and ``long`` are URLs of audio."""
    if row == "call-start":
        return lambda: _call_starts(stage, number)
    if row == "play":
        page = stage.tenant.http.get(stage.tenant.url("/recordings")).json()
        recording = page["items"][0]["id"]
        return lambda: _plays(stage, recording, number)
    if row == "ack":
        return lambda: _announce(stage, short, number)
    if row == "accounts":
        tenants = [Tenant.open(stage.tenant.http) for _ in range(_ACCOUNTS)]
        announce_and_wait(stage, short, _ACCOUNTS, tenants=tenants)
        return lambda: announce_and_wait(stage, short, number, tenants=tenants)
    return lambda: announce_and_wait(stage, long if row == "large" else short, number)


def _measure_rows(stage: Stage, wanted: AbstractSet[str], number: int, short: str, long: str) -> None:
    """Print the rows of PostgreSQL that are wanted."""
    announce_and_wait(stage, short, 5)
    stage.measure_idle()
    for row, (name, share) in _ROWS.items():
        if row in wanted:
            few = max(number // share, 1)
            with stage.servers.stopped("worker") if row == "ack" else nullcontext():
                stage.measure(row, name, few, act_of(stage, row, few, short, long))
            _wait_for(stage, few)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the rows that ``arguments``, or those of the command, ask for."""
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the rows of PostgreSQL there, too")
    asked = parser.parse_args(arguments)
    wanted = set(asked.rows) or {"idle", "sqlite", *_ROWS}
    print(describe_machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="callvault-cost-") as name, media_thread() as media:
        folder = Path(name)
        short, long = (media.serve(f"/{n}.wav", noise(n)) for n in (SHORT, LONG))
        if wanted - {"sqlite"}:
            print("PostgreSQL 17 and the Ceph gateway; one server, one worker", flush=True)
            with fleet(folder / "fleet", media.authority) as servers, open_stage(servers, media) as stage:
                _measure_rows(stage, wanted, asked.number, short, long)
                if asked.write is not None:
                    _write(asked.write, stage.costs)
        if "sqlite" in wanted:
            print("SQLite and a directory; one process", flush=True)
            with single(folder / "single", media.authority) as servers, open_stage(servers, media) as stage:
                announce_and_wait(stage, short, 5)
                stage.measure_idle()
                act = act_of(stage, "sqlite", asked.number, short, long)
                stage.measure("sqlite", "webhook, 544 KB", asked.number, act)


if __name__ == "__main__":
    main()
