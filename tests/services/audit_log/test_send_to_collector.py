"""The log for a SIEM: a collector that dies and comes back has every leaf, and their root is the signed one."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers.certificates import certificate
from tests.servers.ports import free_ports
from tests.support.rfc6962 import mth
from tests.support.service_house import SIGNER, House
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.collector_lines import as_json, as_syslog, line_of_checkpoint, line_of_leaf
from vault.services.audit_log.send_to_collector import SendToCollector, _Failures
from vault.telephony.http.collector import collector_of
from vault.tlog.checkpoint import open_checkpoint

SERVER = Path(__file__).parents[2] / "servers" / "tls_collector.py"
EXAMPLE = Path(__file__).parents[3] / "examples" / "check_access_lines.py"
AT = datetime(2026, 2, 3, 10, 0, 0, 123456, tzinfo=UTC)
#: RFC 5424, section 6, without structured data.
MESSAGE = re.compile(
    rb"<110>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (\S{1,255}) callvault - ([!-~]{1,32}) - (\{.*\})",
    re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a collector is, and what it has received."""

    folder: Path
    port: int

    def job(self, house: House, format_: str = "syslog") -> SendToCollector:
        """Return the sending to it, without failures."""
        url = f"tls://localhost:{self.port}?format={format_}&ca={self.folder}/localhost.pem"
        collector = collector_of(url, "https://vault.example")
        return replace(house.vault.jobs.send_to_collector, collector=collector, _failures=_Failures())

    def received(self) -> Iterator[bytes]:
        """Yield what came, by connection."""
        for file in sorted(self.folder.glob("*.received")):
            yield file.read_bytes()

    @contextmanager
    def running(self, dies_after: int | str = 0) -> Iterator[None]:
        """Run the collector."""
        names = [str(self.folder / f"localhost.{end}") for end in ("pem", "key")]
        command = [sys.executable, str(SERVER), str(self.port), *names, str(self.folder), str(dies_after)]
        with subprocess.Popen(command) as process:
            try:
                yield
            finally:
                process.kill()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place for a collector."""
    folder = tmp_path / "collector"
    folder.mkdir()
    certificate(folder, "localhost")
    return Place(folder=folder, port=free_ports(1)[0])


def messages(data: bytes) -> Iterator[bytes]:
    """Yield the messages of a connection, each framed by its length; one that was cut off is none."""
    while data:
        length, blank, rest = data.partition(b" ")
        if not blank or len(rest) < int(length):
            return
        yield rest[: int(length)]
        data = rest[int(length) :]


def taken(place: Place) -> list[dict[str, Any]]:
    """Return what the collector got, in its order."""
    found = []
    for data in place.received():
        for message in messages(data):
            match = MESSAGE.fullmatch(message)
            assert match is not None, message
            found.append(json.loads(match[4]))
            assert match[3].decode() == found[-1].get("event", {}).get("type", "checkpoint")
    return found


async def happen(house: House, number: int) -> int:
    """Let entries come into the log, and sign it; return its size."""

    def append(tx: Transaction) -> None:
        for _ in range(number):
            tx.events.append(
                AccessEvent(type="retention.paused", at=tx.now(), account_id=house.account.id, actor="worker")
            )

    await house.database.write(append)
    await house.database.write(lambda tx: tx.tree.settle())
    await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
    return await house.database.read(lambda tx: tx.tree.head().size)


async def until_it_listens(place: Place) -> None:
    """Wait for the collector."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", place.port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def check(lines: Sequence[dict[str, Any]], size: int) -> None:
    """Check as a reader does: no index is missing, and the root of the leaves is the one that was signed."""
    leaves: dict[int, bytes] = {}
    checked = []
    for line in lines:
        if "index" in line:
            leaf = json.dumps(line["event"], sort_keys=True, separators=(",", ":")).encode()
            assert line["index"] <= len(leaves), "a gap"
            assert leaves.setdefault(line["index"], leaf) == leaf
        else:
            checkpoint = open_checkpoint(line["checkpoint"].encode(), [SIGNER.verifier])
            assert checkpoint.size == line["size"]
            assert checkpoint.root == mth([leaves[index] for index in range(checkpoint.size)])
            checked.append(checkpoint.size)
    assert (len(leaves), checked[-1]) == (size, size)


async def test_a_collector_that_dies_misses_nothing(either: House, place: Place):
    """It read a part and died: what it had is sent again, and then the rest, in order; the root is the signed one."""
    await happen(either, 60)
    job = place.job(either)
    with place.running(dies_after=4000):
        await until_it_listens(place)
        await job()
    died_with = taken(place)
    assert 0 < len(died_with) < 60
    # While nobody is there: nothing is lost, and the log goes on.
    await replace(job, _failures=_Failures())()
    size = await happen(either, 1500)
    with place.running():
        await until_it_listens(place)
        await replace(job, _failures=_Failures())()
        size = await happen(either, 3)
        await replace(job, _failures=_Failures())()
    lines = taken(place)
    check(lines, size)
    assert lines[: len(died_with)] == died_with
    # What was sent twice has the same index, and it is no more than what was not known to be there.
    assert len([one for one in lines if "index" in one]) == size + len(died_with)


async def test_nothing_is_sent_twice_without_need(either: House, place: Place):
    """Another node goes on where the first one ended; without news there is no connection."""
    await happen(either, 5)
    with place.running():
        await until_it_listens(place)
        await place.job(either)()
        connections = len(list(place.received()))
        await place.job(either)()
        assert len(list(place.received())) == connections
        size = await happen(either, 2)
        await place.job(either, "syslog")()
    lines = taken(place)
    check(lines, size)
    assert [one["index"] for one in lines if "index" in one] == list(range(size))


def checked(place: Place, lines: Sequence[bytes]) -> tuple[int, str]:
    """Run the example that checks JSON lines; return its status, and what it printed."""
    file = place.folder / "access.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n")
    done = subprocess.run([sys.executable, EXAMPLE, file], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


async def test_json_lines(house: House, place: Place):
    """One object on a line, whose event is the leaf to the last byte."""
    size = await happen(house, 3)
    with place.running():
        await until_it_listens(place)
        await place.job(house, "json")()
    *lines, last = b"".join(place.received()).splitlines()
    leaves = await house.database.read(lambda tx: tx.tree.leaves(0, size))
    assert lines == [b'{"index":%d,"event":%b}' % (one.index, one.leaf) for one in leaves]
    assert json.loads(last)["size"] == size
    assert checked(place, [*lines, last]) == (
        0,
        f"checkpoint {size}: the root is right\n{size} entries without a gap\n",
    )
    assert checked(place, [*lines[:2], *lines[3:], last])[0] == 1
    assert checked(place, [lines[0].replace(b"acct_", b"acct-"), *lines[1:], last])[0] == 1


@pytest.mark.parametrize("format_", ["syslog", "json"])
async def test_what_a_collector_read_and_lost_is_sent_again(house: House, place: Place, format_: str):
    """The end of its side without close_notify is none. Where the operator permits that, it counts as delivered."""
    size = await happen(house, 3)
    job = place.job(house, format_)
    with place.running("loses"):
        await until_it_listens(place)
        await job()
    assert (job._failures.count, await job.waiting_seconds() == 0) == (1, False)
    with place.running():
        await until_it_listens(place)
        await replace(job, _failures=_Failures())()
    got = b"".join(place.received())
    assert got.count(b'{"index":') == size
    await happen(house, 1)
    with place.running("loses"):
        await until_it_listens(place)
        careless = place.job(house, f"{format_}&close_notify=optional")
        await careless()
    assert (careless._failures.count, await careless.waiting_seconds()) == (0, 0)


async def test_a_collector_that_hangs_holds_nothing_up(house: House, place: Place):
    """The log takes entries meanwhile, and the next attempt waits."""
    await happen(house, 1)
    job = place.job(house)
    with place.running("hangs"):
        await until_it_listens(place)
        sending = asyncio.create_task(job())
        await asyncio.sleep(0)
        await happen(house, 5)
        assert not sending.done()
    await sending
    assert job._failures.count == 1
    before = list(place.received())
    await job()
    assert list(place.received()) == before


async def test_a_lag_is_measured(house: House, place: Place):
    """By the oldest entry that the collector lacks; nothing where there is no collector."""
    await happen(house, 1)
    job = place.job(house)
    assert (await job.waiting_seconds() or 0) > 0
    with place.running():
        await until_it_listens(place)
        await job()
    assert await job.waiting_seconds() == 0
    assert await house.vault.jobs.send_to_collector.waiting_seconds() is None
    assert list(house.vault.jobs.send_to_collector.jobs()) == []
    assert [one.name for one in job.jobs()] == ["siem"]


async def test_a_stranger_is_no_collector(house: House, place: Place, tmp_path: Path):
    """One whose certificate nobody trusts gets no byte."""
    await happen(house, 1)
    other = tmp_path / "other"
    other.mkdir()
    certificate(other, "localhost")
    job = place.job(house)
    with replace(place, folder=other).running():
        await until_it_listens(place)
        await job()
    assert job._failures.count == 1
    assert [one for one in replace(place, folder=other).received() if one] == []


def test_a_message_has_the_form_of_syslog():
    """Length, priority, version, time with microseconds, host, name, type; the leaf is there as it is."""
    leaf = AccessEvent(
        id="evt_1", type="hold.placed", at=AT, account_id="acct_1", actor="key_1", result="hold_1"
    ).body
    line = line_of_leaf(7, leaf)
    (message,) = messages(as_syslog(line, "vault.example"))
    assert message == (
        b"<110>1 2026-02-03T10:00:00.123456Z vault.example callvault - hold.placed - "
        b'{"index":7,"event":' + leaf + b"}"
    )
    assert as_json(line) == b'{"index":7,"event":' + leaf + b"}\n"
    note = line_of_checkpoint(8, b"vault.example/log\n8\nroot\n\n\xe2\x80\x94 vault.example sig\n", AT)
    assert b"\n" not in as_syslog(note, "")
    (message,) = messages(as_syslog(note, ""))
    assert message.startswith(b"<110>1 2026-02-03T10:00:00.123456Z - callvault - checkpoint - {")
