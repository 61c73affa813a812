"""rsyslog of Debian as the collector of the log: it is killed and comes back, and has every leaf."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import Any

from tests.servers.required import require
from tests.services.audit_log.test_send_to_collector import Place, check, happen, place, until_it_listens
from tests.support.service_house import House
from vault.services.audit_log.send_to_collector import _Failures

__all__ = ["place"]
CONFIG = """
global(workDirectory="{folder}" maxMessageSize="64k"
  defaultNetstreamDriverCAFile="{folder}/localhost.pem"
  defaultNetstreamDriverCertFile="{folder}/localhost.pem" defaultNetstreamDriverKeyFile="{folder}/localhost.key")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="message" type="string" string="%msg%\\n")
ruleset(name="vault") {{ action(type="omfile" file="{folder}/messages" template="message") }}
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="vault")
"""


@contextmanager
def rsyslog(place: Place) -> Iterator[subprocess.Popen[bytes]]:
    """Run rsyslog at the place of a collector."""
    config = place.folder / "rsyslog.conf"
    config.write_text(CONFIG.format(folder=place.folder, port=place.port))
    command = ["rsyslogd", "-n", "-f", str(config), "-i", str(place.folder / "pid")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def leaves(place: Place) -> list[int]:
    """Return the indexes of the leaves that rsyslog wrote, in the order of the file."""
    return [one["index"] for one in taken(place) if "index" in one]


async def until_written(place: Place, number: int) -> None:
    """Wait until rsyslog has written so many leaves: it ends a connection when it has read, and writes later."""
    while len(leaves(place)) < number:
        await asyncio.sleep(0.01)


def taken(place: Place) -> list[dict[str, Any]]:
    """Return what rsyslog wrote, but for a line in which it was killed."""
    found = []
    for line in (place.folder / "messages").read_text().splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found


async def test_rsyslog_has_every_leaf(house: House, place: Place):
    """Octet counting, TLS and the form of the message are those that it reads; nothing is left out when it is away."""
    require("rsyslogd", install="apt-get install rsyslog rsyslog-openssl")
    size = await happen(house, 30)
    job = place.job(house)
    with rsyslog(place):
        await until_it_listens(place)
        await job()
        assert job._failures.count == 0
    check(taken(place), size)
    # It is away, and then killed while it is connected.
    await happen(house, 5)
    await replace(job, _failures=_Failures())()
    with rsyslog(place) as process:
        await until_it_listens(place)
        process.kill()
        process.wait()
        await replace(job, _failures=_Failures())()
    size = await happen(house, 1200)
    with rsyslog(place):
        await until_it_listens(place)
        await replace(job, _failures=_Failures())()
    check(taken(place), size)


@asynccontextmanager
async def killed_after(place: Place, process: subprocess.Popen[bytes], number: int) -> AsyncIterator[Place]:
    """Pass on what comes to rsyslog, which is killed once it has got so many bytes and written some of them.

    The vault sees the end of the connection alone, as if rsyslog had read everything and died before it wrote that.
    """
    before = len(leaves(place))

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, on = await asyncio.open_connection("localhost", place.port)
        answers = asyncio.create_task(copy(back, writer))
        got = 0
        while data := await reader.read(4096):
            got += len(data)
            if got <= number:
                on.write(data)
                await on.drain()
            elif process.poll() is None:
                await until_written(place, before + 1)
                process.kill()
                process.wait()
        await answers
        for one in (on, writer):
            one.close()

    async with await asyncio.start_server(pass_on, "localhost", 0) as server:
        yield replace(place, port=server.sockets[0].getsockname()[1])


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what rsyslog answers in the handshake, and the end of it."""
    with suppress(OSError):
        while data := await reader.read(4096):
            writer.write(data)
    writer.write_eof()


async def test_rsyslog_is_killed_in_the_middle_of_a_batch(house: House, place: Place):
    """What it had of the batch comes again, with the same indexes, and nothing is left out."""
    require("rsyslogd", install="apt-get install rsyslog rsyslog-openssl")
    first = await happen(house, 30)
    with rsyslog(place) as process:
        await until_it_listens(place)
        await place.job(house)()
        await until_written(place, first)
        size = await happen(house, 900)
        async with killed_after(place, process, 150_000) as through:
            job = through.job(house)
            await job()
    assert job._failures.count == 1
    assert first < len(leaves(place)) < size
    with rsyslog(place):
        await until_it_listens(place)
        await place.job(house)()
    check(taken(place), size)
    assert len(leaves(place)) > len(set(leaves(place))) == size
