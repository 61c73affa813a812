"""Rounds in which the database is exchanged while nodes run, and what was closed is asked for in every step."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import httpx
import psycopg

from tests.failover.closed_things import SETTLED, Askers, ClosedThings
from tests.failover.exchanges import WAYS, Around, Exchange
from tests.failover.figures import Table
from tests.failover.requests import Door
from tests.failover.world import short_folder
from tests.servers.fleet import Fleet, fleet_of
from tests.servers.media_thread import media_thread
from tests.servers.postgresql_pair import lone_postgresql, postgresql_pair
from tests.support.tenant import Tenant

#: Seconds within which every node must have noticed that its database is another one.
NOTICED = 2.0
#: Seconds that a round waits for what it expects, on a slow machine.
_PATIENCE = 60.0


def exchanged(name: str) -> Table:
    """Exchange the database in one way, restore, and look at everything that was closed."""
    way = WAYS[name]
    with _world(way.words, is_paired=way.is_paired) as around:
        way.keep(around)

        def restored() -> float:
            with _marked(around) as seen:
                restore(around)
            if way.from_nothing:
                around.take_key(around.nodes[0].create_key())
            around.table.add("times that the mark of the restore was seen", len(seen), least=1)
            # Until the mark is gone: then the nodes serve again.
            return max(seen, default=time.monotonic())

        play(around, lambda: way.put(around), restored)
        return around.table


def play(around: Around, put: Callable[[], None], restored: Callable[[], float]) -> None:
    """Close things, put another database in place and restore, while everybody asks; then look at what was closed.

    ``restored`` runs the restore, and returns the moment until which nobody may get an answer.
    """
    around.things.close()
    time.sleep(SETTLED)
    askers, table = around.askers.start(), around.table
    time.sleep(1.0)
    begun = time.monotonic()
    put()
    done = time.monotonic()
    table.add("seconds that the exchange takes", done - begun)
    wait_fenced(around, done)
    time.sleep(1.0)
    until = restored()
    table.none("served, accepted or denied from the other database", askers.open_answers(done, until))
    table.none("denied or accepted from a half-made database", askers.impossible_answers(begun, until))
    wait_serving(around)
    time.sleep(3.0)
    askers.stop()
    look(around)


def wait_fenced(around: Around, since: float) -> None:
    """Wait until no node is ready, and say how long that took."""
    while not around.askers.is_fenced(since) and time.monotonic() < since + _PATIENCE:
        time.sleep(0.05)
    table = around.table
    table.add("every node noticed (1 is yes)", around.askers.is_fenced(since), least=1)
    ready = [
        act.sent for act in around.askers.book.sent_since(since) if act.kind == "readyz" and act.acknowledged
    ]
    table.add("seconds until no node was ready", max(ready, default=since) - since, most=NOTICED, timed=True)


def restore(around: Around) -> float:
    """Run ``callvault restore`` while everybody asks; return the moment of its end."""
    node = around.nodes[0]
    done = node.command("restore", patience=300)
    around.table.add("restore: exit status", done.returncode, most=0)
    said = (done.stdout + done.stderr).strip().splitlines()
    around.table.remarks.extend(f"restore: {line}" for line in said if not line.startswith("{"))
    return time.monotonic()


@contextmanager
def _marked(around: Exchange) -> Iterator[list[float]]:
    """Yield the moments at which the database had the mark of a restore, as they come."""
    seen: list[float] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            now = time.monotonic()
            with suppress(psycopg.Error):
                if around.server.ask("SELECT 1 FROM vault_metadata WHERE name = 'restoring'", "vault"):
                    seen.append(now)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(30)


def wait_serving(around: Around) -> None:
    """Wait until every node is ready."""
    deadline, doors = time.monotonic() + _PATIENCE, around.askers.doors
    while (ready := sum(door.send("GET", "/readyz").status == 200 for door in doors)) < len(doors):
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    around.table.add("nodes that serve again", ready, len(doors), least=len(doors))


def look(around: Around) -> None:
    """Count what is open that was closed, and compare the store."""
    things, table, door = around.things, around.table, around.askers.doors[0]
    home, silent = things.home, things.silent
    table.none("erased, and can be heard or is listed", _playing(door, home, {"erased"}))
    table.none("refused, and can be heard", _playing(door, home, {"refused"}))
    restricted = door.rest("GET", f"{home.url()}/recordings/{things.restricted}/audio").status
    table.none("restricted, and can be heard", [restricted] if restricted in {200, 206} else [])
    table.none("switched off, and can be heard", _playing(door, silent, None))
    switch = door.rest("GET", f"{silent.url()}/recording-switch").said["enabled"]
    table.add("switched off, and on again", switch, most=0)
    empty = [
        path.name
        for path in (around.objects / "accounts").glob("*/0000000000*")
        if re.match("0{20}-", path.name)
    ]
    table.none("account objects of an empty log", empty)
    checked = around.nodes[0].command("fsck", "--sample", "20", patience=300)
    table.add("fsck: exit status", checked.returncode, most=0)
    table.remarks.extend(
        f"fsck: {line}" for line in (checked.stdout + checked.stderr).splitlines() if not line.startswith("{")
    )


def _playing(door: Door, tenant: Tenant, refs: set[str] | None) -> list[str]:
    """Return recordings of these names, or of all, whose audio is served."""
    listed = door.rest("GET", f"{tenant.url()}/recordings?limit=200")
    assert listed.status == 200, listed.body
    found = [one for one in listed.said["items"] if refs is None or one["recording_ref"] in refs]
    playing = []
    for one in found:
        audio = door.rest("GET", f"{tenant.url()}/recordings/{one['id']}/audio")
        if audio.status in {200, 206} or one["state"] == "available":
            playing.append(f"{one['recording_ref']} {one['state']} {audio.status}")
    return playing


@contextmanager
def _world(title: str, *, is_paired: bool) -> Iterator[Exchange]:
    """Run a server, two nodes and a worker, with what will be closed, to the end of the block."""
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        pair = stack.enter_context(postgresql_pair()) if is_paired else None
        server = stack.enter_context(lone_postgresql()) if pair is None else pair.primary
        media = stack.enter_context(media_thread())
        settings = {"VAULT_MEDIA_ALLOW": media.authority}
        fleet = stack.enter_context(
            fleet_of(folder / "f", pair.hosts() if pair else server.url(), **settings)
        )
        if pair is None:
            _migrate(fleet)
        nodes = fleet.start("serve --no-worker", "serve --no-worker", "worker")
        tenants = [tenant_of(fleet.admin(nodes[0])) for _ in range(2)]
        things = ClosedThings.open(tenants[0], tenants[1], media)
        time.sleep(SETTLED)
        doors = [Door(base=node.url, key=fleet.key) for node in nodes[:2]]
        askers = Askers(doors=doors, things=things)
        yield Exchange(
            nodes=nodes,
            objects=fleet.folder / "objects",
            clients=fleet.clients,
            things=things,
            askers=askers,
            table=Table(title),
            server=server,
            pair=pair,
        )


def _migrate(fleet: Fleet) -> None:
    from vault.database.engines.migrate import migrate_postgresql  # noqa: PLC0415

    migrate_postgresql(fleet.settings["VAULT_DATABASE_URL"])


def tenant_of(client: httpx.Client) -> Tenant:
    """Open a tenant whose webhooks go to the node that a request names."""
    tenant = Tenant.open(client)
    tenant.webhook_url = urlsplit(tenant.webhook_url).path
    return tenant
