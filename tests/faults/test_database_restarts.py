"""PostgreSQL is restarted as in a crash, again and again, under a vault that goes on serving.

A node whose synchronous standby stands still, and one whose database became a standby, seen from outside.
"""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from tests.faults.promises import check_promises
from tests.faults.running_out import let_everything_run_out
from tests.servers.fleet import Fleet, fleet_of
from tests.servers.media_thread import MediaThread
from tests.servers.postgresql import PostgresqlServer, postgresql_running
from tests.servers.postgresql_pair import postgresql_pair, wait_for
from tests.soak import verdict
from tests.soak.ledger import Sent
from tests.soak.load import Load
from tests.support.counts import count
from tests.support.telephone_audio import wav
from tests.support.tenant import Tenant
from vault.database.engines.migrate import migrate_postgresql

pytestmark = pytest.mark.faults


#: Seconds between two restarts.
_EVERY = 2.0
#: Seconds in which the pool has to be whole again, and everything that was sent has to settle.
_PATIENCE = 90.0
_SECOND = 32_000
_TROUBLE = re.compile(r" (5\d\d)$")
_TOGETHER = 16


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


@pytest.mark.postgresql
@pytest.mark.timeout(900)
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


def test_nobody_waits_for_a_standby_that_stands_still(tmp_path: Path) -> None:
    """Writes and the switch get their 503 with a sentence, reads their answer, and SIGTERM ends the process."""
    with postgresql_pair(synchronous=True) as pair, fleet_of(tmp_path, pair.primary.url()) as nodes:
        (node,) = nodes.start("serve")
        admin = nodes.admin(node)
        admin.put("/v1/accounts/acme", json={}).raise_for_status()
        admin.put("/v1/accounts/acme/recording-switch", json={"enabled": True}).raise_for_status()
        pair.standby.freeze()
        with ThreadPoolExecutor(_TOGETHER + 2) as threads:
            writes = [threads.submit(_open_account, admin, f"still-{n}") for n in range(_TOGETHER)]
            off = threads.submit(
                _timed, admin, "PUT", "/v1/accounts/acme/recording-switch", {"enabled": False}
            )
            time.sleep(0.5)
            reads = [_timed(admin, "GET", "/v1/accounts")]
            assert not off.done()
            reads += [_timed(admin, "GET", "/v1/accounts") for _ in range(19)]
            begun = time.monotonic()
            node.terminate()
            assert node.ended() == 0
            print(f"ended {time.monotonic() - begun:.1f} s after SIGTERM")
            ends = [one.result() for one in (*writes, off)]
        assert {status for status, _, _ in ends} == {503}
        assert any("It is not known whether this was done" in text for _, text, _ in ends)
        assert {status for status, _, _ in reads} == {200}
        longest = {name: max(s for _, _, s in of) for name, of in (("write", ends), ("read", reads))}
        print(f"longest {longest}")
        pair.standby.thaw()


def test_a_node_whose_database_became_a_standby_says_so(tmp_path: Path) -> None:
    """After a failover the old primary comes back as a standby, and the node still points at it."""
    with postgresql_pair() as pair, fleet_of(tmp_path, pair.primary.url()) as nodes:
        (node,) = nodes.start("serve")
        pair.primary.kill()
        (pair.primary.folder / "standby.signal").touch()
        pair.primary.start()
        wait_for(lambda: "This is a read-only standby." in node.ready().text)
        assert node.ready().status_code == 503
        assert nodes.admin(node).get("/v1/accounts").status_code == 503
        again = node.command("serve", "--port", "0")
        assert (again.returncode, "is a read-only standby" in again.stderr) == (2, True)
        migrated = node.command("migrate")
        assert (migrated.returncode, "is a read-only standby" in migrated.stderr) == (2, True)


def _open_account(client: httpx.Client, name: str) -> tuple[int, str, float]:
    return _timed(client, "PUT", f"/v1/accounts/{name}", {})


def _timed(client: httpx.Client, method: str, path: str, body: object = None) -> tuple[int, str, float]:
    begun = time.monotonic()
    answer = client.request(method, path, json=body)
    return answer.status_code, answer.text, time.monotonic() - begun
