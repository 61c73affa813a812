"""Receivers that fail in every way known, through the real sender and client: each is a row of docs/events.md."""

import gzip
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from tests.servers.certificates import certificate
from tests.servers.media import Exchange, MediaServer, Script, answer, drip, head, raw
from tests.services.events.receiving import ME, available, publish
from tests.services.outbox.probe import attempts, rows, with_outside
from tests.support.dialing import Diversion, ScriptedResolver
from tests.support.outbox import let_time_come, send_due
from tests.support.service_house import House
from vault.domain.outbox.health import Health
from vault.services.events.endpoints import EndpointChange
from vault.telephony.http import outside
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.outside import MAX_BODY, TIMEOUT, GuardedOutside

PAGE: Final = Path(__file__).parents[3] / "docs" / "events.md"
URL, PUBLIC = "https://crm.example/hook", "93.184.216.34"
#: Seconds in place of the ten that an attempt may take, where it takes all of them; enough for its request to arrive.
SHORT: Final = 2.0
TAKEN: Final = answer(status=204)
TOLERANCE: Final = timedelta(minutes=5)


def redirect(to: str) -> Script:
    """Redirect."""
    return answer(status=301, headers={"Location": to})


async def reset(exchange: Exchange) -> None:
    """Reset the connection."""
    plain = exchange.writer.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.writer.transport.abort()


def by_clock(ahead: timedelta) -> Script:
    """Take what its clock, so much ahead, says was signed within five minutes."""

    async def script(exchange: Exchange) -> None:
        signed = datetime.fromtimestamp(int(exchange.header("webhook-timestamp") or 0), UTC)
        is_old = abs(datetime.now(UTC) + ahead - signed) > TOLERANCE
        await answer(status=400 if is_old else 204)(exchange)

    return script


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to fail."""

    #: What the receiver does; the words of the page.
    does: str
    vault_does: str
    log: str
    #: What it answers, one after the other; the last one stays.
    scripts: Sequence[Script] = (TAKEN,)
    #: The addresses of its name, one answer after the other.
    addresses: Sequence[str] = (PUBLIC,)
    #: Whether it has no end.
    is_endless: bool = False
    #: For how many days its certificate is still valid.
    days: int = 1
    #: The numbers of events that arrive, after the first, in their order.
    arrives: Sequence[int] = (0,)
    #: What holds then.
    health: Callable[[Health], bool] = field(default=lambda health: health.failures == 0)
    waiting: int = 0
    events: int = 1


FAILING = {"health": lambda health: health.failures == 1, "waiting": 1}
WAYS: Final = [
    Way(
        does="sends the head of its answer byte by byte", scripts=[drip(b"HTTP/1.1 200", b" ", pause=0.05)],
        vault_does="Leaves after 10 seconds in all; sends it again.",
        log="`unknown`: The host did not respond in time.", is_endless=True, **FAILING,
    ),
    Way(
        does="takes it, and never answers", scripts=[raw(hang=True)],
        vault_does="Leaves after 10 seconds in all; sends it again.",
        log="`unknown`: The host did not respond in time.", is_endless=True, **FAILING,
    ),
    Way(
        does="redirects to `127.0.0.1`", scripts=[redirect("http://127.0.0.1/")],
        vault_does="Does not follow; sends it again.", log="`failed`, 301: The endpoint answered 301.", **FAILING,
    ),
    Way(
        does="redirects to `169.254.169.254`", scripts=[redirect("http://169.254.169.254/latest/meta-data/")],
        vault_does="Does not follow; sends it again.", log="`failed`, 301: The endpoint answered 301.", **FAILING,
    ),
    Way(
        does="answers 200 with 1 GB",
        scripts=[raw(head(200, {"Content-Length": str(1024**3)}), *[b"x" * 65536] * 64, hang=True)],
        vault_does="Has its answer; reads 20,000 bytes.", log="`accepted`, 200",
    ),
    Way(
        does="answers 200 with a gzip bomb",
        scripts=[raw(head(200, {"Content-Encoding": "gzip", "Content-Length": "99999"}), gzip.compress(b"0" * 10**8))],
        vault_does="Has its answer; unpacks nothing.", log="`accepted`, 200",
    ),
    Way(
        does="resets the connection", scripts=[reset],
        vault_does="Sends it again: it may have arrived.", log="`unknown`: The request to the host failed (ReadError).",
        **FAILING,
    ),
    Way(
        does="has a certificate that has expired", days=-1, arrives=[],
        vault_does="Sends nothing; tries again.", log="`failed`: The host's TLS certificate has expired.", **FAILING,
    ),
    Way(
        does="answers 410", scripts=[answer(status=410)],
        vault_does="Switches the endpoint off, and deletes what waits.", log="`gone`, 410: The endpoint answered 410.",
        health=lambda health: health.disabled_at is not None,
    ),
    Way(
        does="answers 429 with `Retry-After: 99999999999`",
        scripts=[answer(status=429, headers={"Retry-After": "99999999999"})],
        vault_does="Sends nothing there for 6 to 6.6 hours.", log="`failed`, 429: The endpoint answered 429.",
        health=lambda health: timedelta(hours=5.9) < wait_of(health) < timedelta(hours=6.7), waiting=1,
    ),
    Way(
        does="has a name that changes to `10.0.0.1`", scripts=[answer(status=503), TAKEN],
        addresses=[PUBLIC, "10.0.0.1"],
        vault_does="Checks the address at each attempt, and dials the one that it has checked: nothing goes there.",
        log="`failed`, 503: The endpoint answered 503. "
        "`failed`: The host has an address that media is not fetched from.",
        health=lambda health: health.failures == 2, waiting=1,
    ),
    Way(
        does="has a clock 6 minutes ahead, then a right one",
        scripts=[by_clock(timedelta(minutes=6)), by_clock(timedelta())], arrives=[0, 0],
        vault_does="Signs each attempt by itself, with the time of the attempt.",
        log="`failed`, 400: The endpoint answered 400. `accepted`, 204",
    ),
    Way(
        does="has a clock 6 minutes behind, then a right one",
        scripts=[by_clock(-timedelta(minutes=6)), by_clock(timedelta())], arrives=[0, 0],
        vault_does="Signs each attempt by itself, with the time of the attempt.",
        log="`failed`, 400: The endpoint answered 400. `accepted`, 204",
    ),
    Way(
        does="takes it, and hangs up without an answer", scripts=[raw(), TAKEN], arrives=[0, 0],
        vault_does="Sends it again, with the same `id`.",
        log="`unknown`: The request to the host failed (RemoteProtocolError). `accepted`, 204",
    ),
    Way(
        does="refuses the first event and takes the second", scripts=[answer(status=500), TAKEN], events=2,
        arrives=[0, 1, 0],
        vault_does="Sends the first again, after the second: `sequence` says so. An `ordered` endpoint gets it before.",
        log="`failed`, 500: The endpoint answered 500. `accepted`, 204 `accepted`, 204",
    ),
]  # fmt: skip


def wait_of(health: Health) -> timedelta:
    """Return how long nothing is sent."""
    return (health.blocked_until or datetime.now(UTC)) - datetime.now(UTC)


@pytest.mark.parametrize("way", WAYS, ids=[way.does for way in WAYS])
async def test_a_receiver_that_fails(house: House, tmp_path: Path, way: Way, monkeypatch: pytest.MonkeyPatch):
    """What the outbox does, what the delivery log says, and where nothing was dialled."""
    assert TIMEOUT <= 10
    if way.is_endless:
        monkeypatch.setattr(outside, "TIMEOUT", SHORT)
    serving, trusting = certificate(tmp_path, "crm.example", days=way.days)
    async with MediaServer(ssl_context=serving) as server:
        server.on("/hook", in_turn(way.scripts))
        dialer = Diversion(server.port)
        resolver = ScriptedResolver(crm__example=[[one] for one in way.addresses])
        client = GuardedOutside(GuardedHttp(resolver=resolver, dialer=dialer, ssl_context=trusting))
        house = with_outside(house, client)
        wanted = EndpointChange(url=URL, types=["recording.available"])
        made = await house.vault.events.endpoints.make(house.account.id, wanted, **ME)
        for number in range(way.events):
            await available(house, f"rec-{number}")
        await publish(house)
        await send_due(house)
        if len(way.scripts) > 1:
            await let_time_come(house)
            await send_due(house)
        ids = [one.header("webhook-id") for one in server.exchanges]
        known = list(dict.fromkeys(ids))
        assert [known.index(one) for one in ids] == list(way.arrives)
        assert set(dialer.dialled) <= {PUBLIC}
        assert max((one.sent for one in server.exchanges), default=0) < 8 * 1024 * 1024
        noted = await attempts(house)
        assert " ".join(said(one) for one in sorted(noted, key=lambda one: one.at)) == way.log
        assert max(one.milliseconds for one in noted) < (SHORT + 5) * 1000
        view = await house.vault.events.endpoints.read(house.account.id, made.view.endpoint.id)
        assert way.health(view.health)
        assert len(await rows(house)) == way.waiting
        assert not house.vault.jobs.send_outbox.is_sending


def said(attempt: Any) -> str:
    """Return what the delivery log says of an attempt."""
    status = "" if attempt.status is None else f", {attempt.status}"
    failure = "" if attempt.failure is None else f": {attempt.failure}"
    return f"`{attempt.outcome}`{status}{failure}"


def in_turn(scripts: Sequence[Script]) -> Script:
    """Answer with each of these once, and then with the last one."""
    left = list(scripts)

    async def script(exchange: Exchange) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(exchange)

    return script


def test_the_page_has_each_way():
    """The table of the page is this one."""
    table = [f"| {way.does} | {way.vault_does} | {way.log} |" for way in WAYS]
    assert [line for line in PAGE.read_text().splitlines() if line in table] == table
    assert MAX_BODY == 20_000
