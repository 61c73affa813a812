"""PostgreSQL is restarted as in a crash, again and again, under a vault that goes on serving."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from tests.faults.promises import check_promises
from tests.faults.running_out import let_everything_run_out
from tests.servers.fleet import Fleet, fleet_of
from tests.servers.media_thread import MediaThread
from tests.servers.postgresql import PostgresqlServer, postgresql_running
from tests.soak import verdict
from tests.soak.ledger import Sent
from tests.soak.load import Load
from tests.support.counts import count
from tests.support.telephone_audio import wav
from tests.support.tenant import Tenant
from vault.database.engines.migrate import migrate_postgresql

pytestmark = [pytest.mark.faults, pytest.mark.postgresql, pytest.mark.timeout(900)]

#: Seconds between two restarts.
_EVERY = 2.0
#: Seconds in which the pool has to be whole again, and everything that was sent has to settle.
_PATIENCE = 90.0
_SECOND = 32_000
_TROUBLE = re.compile(r" (5\d\d)$")


@dataclass(kw_only=True)
class _Busy(Load):
    """The load, with a switch that goes off and on every other second."""

    before_off = (0.0, 0.0)
    off_for = (0.2, 1.5)
    between_looks = 2.0


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    """A PostgreSQL of this test's own, which others would miss."""
    with postgresql_running() as running:
        yield running


def test_a_database_that_restarts_every_other_second_costs_no_promise(
    folder: Path, media: MediaThread, server: PostgresqlServer
) -> None:
    """Callers hear 503 or lose their connection, what was acknowledged is kept, and the pool heals by itself."""
    seconds = count("seconds of immediate restarts of PostgreSQL, one every 2 s", small=8, full=60)
    url = server.new_database()
    migrate_postgresql(url)
    with fleet_of(folder / "fleet", url, VAULT_MEDIA_ALLOW=media.authority) as fleet:
        (node,) = fleet.start("serve")
        load = _load(fleet, media)
        tenants = [*load.steady, load.switched]
        _begin_with_some(load)
        load.start()
        try:
            restarts = _restart(server, seconds)
            _heals(load)
        finally:
            let_everything_run_out(url)
            load.stop()
        assert node.running is not None
        assert node.running.poll() is None
        let_everything_run_out(url)
        found = verdict.settle(tenants)
        verdict.check_recordings(load.ledger, found, load.switched.name)
        heard = verdict.check_audio(load.ledger, tenants, found, load.bodies)
        verdict.check_log(load.ledger, fleet, folder)
        node.stop()
        _say(load, restarts, heard)
        told = [one.id for one in load.ledger.sent.values()]
        sounds = [body[-48:] for body in load.bodies]
        verdict.check_plaintext(load.ledger, [server.folder], load.bodies)
        check_promises(node, told=told, sounds=sounds, checkpoints=load.ledger.checkpoints)
    assert load.ledger.violations == []
    _only_503(load)
    _it_was_a_load(load, restarts, seconds)


def _load(fleet: Fleet, media: MediaThread) -> _Busy:
    http = fleet.admin(fleet.nodes[0])
    bodies = [wav(44 + seconds * _SECOND, seconds) for seconds in (1, 2, 5)]
    return _Busy(
        nodes=[fleet.nodes[0].url],
        key=fleet.key,
        bodies=bodies,
        urls=[media.serve(f"/{number}.wav", body) for number, body in enumerate(bodies)],
        steady=[Tenant.open(http), Tenant.open(http)],
        switched=Tenant.open(http),
    )


def _begin_with_some(load: _Busy) -> None:
    """Bring in what listeners can hear from the beginning."""
    for tenant in load.steady:
        for number, body in enumerate(load.bodies):
            ref = f"first-{number}"
            recording = tenant.uploaded(body, call=ref, ref=ref)
            load.ledger.keep(Sent(account=tenant.name, ref=ref, body=number, id=recording))


def _restart(server: PostgresqlServer, seconds: int) -> int:
    """Restart until the time is over, once more at least, and return how often."""
    end, restarts = time.monotonic() + seconds, 0
    while not restarts or time.monotonic() < end:
        time.sleep(_EVERY)
        server.stop(mode="immediate")
        server.start()
        restarts += 1
    return restarts


def _heals(load: _Busy) -> None:
    """See that every kind of request succeeds again in the same process: a link, an upload, a webhook, a switch."""
    # The vault's public URL is nobody's here.
    tenant = replace(load.steady[0], webhook_url=httpx.URL(load.steady[0].webhook_url).path)
    http, body, deadline = tenant.http, load.bodies[0], time.monotonic() + _PATIENCE
    wanted: dict[str, Callable[[], httpx.Response]] = {
        "ready": lambda: http.get("/readyz"),
        "upload": lambda: tenant.put(body, call="healed", ref="healed"),
        "webhook": lambda: tenant.announce(load.urls[0], call="healed-2", ref="healed-2"),
        "switch": lambda: http.put(tenant.url("/recording-switch"), json={"enabled": True}),
        "list": lambda: http.get(tenant.url("/recordings")),
    }
    for what, request in wanted.items():
        while not (answer := request()).is_success:
            assert answer.status_code == 503, f"{what}: {answer.status_code}"
            assert time.monotonic() < deadline, f"{what} is not answered"
            time.sleep(0.2)


def _say(load: _Busy, restarts: int, heard: int) -> None:
    ledger = load.ledger
    print(
        f"{restarts} restarts, {len(ledger.sent)} acknowledged, {len(ledger.off)} times off, "
        f"{len(ledger.erased)} erased, {len(ledger.received)} parts heard, {heard} downloaded afterwards; "
        f"{dict(sorted(ledger.answers.items()))}"
    )


def _only_503(load: _Busy) -> None:
    said = {found[1] for what in load.ledger.answers if (found := _TROUBLE.search(what))}
    assert said <= {"503"}, dict(load.ledger.answers)


def _it_was_a_load(load: _Busy, restarts: int, seconds: int) -> None:
    """See that requests of every kind met a restart, and others were answered."""
    ledger = load.ledger
    assert restarts > seconds / 10
    assert len(ledger.sent) > seconds / 2
    assert ledger.off
    assert any(got.end > got.first for got in ledger.received)
    trouble = [what for what in ledger.answers if what.endswith(" 503") or "Error" in what]
    assert trouble
