"""Settings of the server and poolers that break durability: refused with a sentence, or corrected."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg

from tests.failover.figures import Table
from tests.failover.requests import Door
from tests.failover.stage import account_path, call_facts, prepare
from tests.failover.world import short_folder
from tests.servers.fleet import Fleet, Node, fleet_of
from tests.servers.poolers import pgbouncer
from tests.servers.postgresql_pair import PostgresqlPair, postgresql_pair

#: Seconds that a request may wait for a lock that somebody else holds.
_LOCKED_SECONDS = 10.0
_PLAIN = "postgresql://postgres@{address}/vault"


def every() -> Iterator[Table]:
    """Run all of them on one pair."""
    with short_folder() as folder, postgresql_pair() as pair:
        yield standby_as_url(pair, folder / "a")
        for number, mode in enumerate(("session", "transaction")):
            yield pooled(pair, folder / f"b{number}", mode)
        yield read_only_role(pair, folder / "c")
        yield fsync_off(pair, folder / "d")


def standby_as_url(pair: PostgresqlPair, folder: Path) -> Table:
    """Name the standby alone: nothing can be written there."""
    table = Table("the URL of the standby")
    with _fleet(folder, pair.primary.address) as fleet:
        fleet.start("serve")
        pair.catch_up()
        said, ready = _try(fleet, _PLAIN.format(address=pair.standby.address))
        table.add("counts as ready (1 is yes)", ready, most=0)
        table.add("says standby or read-only (1 is yes)", "standby" in said or "read-only" in said, least=1)
        table.remark(said[:300])
    return table


def read_only_role(pair: PostgresqlPair, folder: Path) -> Table:
    """Make every transaction of the role read-only: no fence, but a node must not half work."""
    table = Table("default_transaction_read_only on the role")
    pair.primary.ask("ALTER ROLE postgres SET default_transaction_read_only = on")
    try:
        with _fleet(folder, pair.primary.address) as fleet:
            said, ready = _try(fleet, fleet.settings["VAULT_DATABASE_URL"])
            table.add("counts as ready (1 is yes)", ready)
            table.remark(said[:300] or "starts without a word")
    finally:
        _alter(pair, "ALTER ROLE postgres RESET default_transaction_read_only")
    return table


def fsync_off(pair: PostgresqlPair, folder: Path) -> Table:
    """Switch fsync off on the server."""
    table = Table("fsync off")
    pair.primary.ask("ALTER SYSTEM SET fsync = off")
    pair.primary.ask("SELECT pg_reload_conf()")
    with _fleet(folder, pair.primary.address) as fleet:
        said, ready = _try(fleet, fleet.settings["VAULT_DATABASE_URL"])
        table.add("refused with a sentence (1 is yes)", not ready and "fsync" in said, least=1)
        table.remark(said[:300])
    return table


def pooled(pair: PostgresqlPair, folder: Path, mode: str) -> Table:
    """Put PgBouncer between: the ends of statements and locks hold, or it is refused with a sentence."""
    table = Table(f"PgBouncer, {mode} pooling")
    with (
        pgbouncer(folder.with_name(f"{folder.name}p"), pair.primary.port, mode) as port,
        _fleet(folder, f"127.0.0.1:{port}") as fleet,
    ):
        said, ready = _try(fleet, fleet.settings["VAULT_DATABASE_URL"], first=True)
        table.add("serves (1 is yes)", ready)
        if not ready:
            table.add(
                "refused with a sentence about it (1 is yes)", "ooler" in said or "imeout" in said, least=1
            )
            table.remark(said[:400])
            return table
        table.add(
            "seconds that a write waits for a lock", _locked(pair, fleet), most=_LOCKED_SECONDS, timed=True
        )
    return table


def _fleet(folder: Path, address: str) -> AbstractContextManager[Fleet]:
    """Return nodes of one vault, whichever folder they have: its database is the same in each round."""
    vault = folder.parent
    return fleet_of(
        folder,
        _PLAIN.format(address=address),
        VAULT_OBJECTS_URL=f"file://{vault}/objects",
        VAULT_ROOT_KEY_URL=f"file://{vault}/root.key",
    )


def _locked(pair: PostgresqlPair, fleet: Fleet) -> float:
    """Return the seconds after which a request is answered while somebody holds what it needs."""
    door = Door(base=fleet.nodes[0].url, key=fleet.key)
    account = prepare(door, 1).accounts[1]
    with psycopg.connect(pair.primary.url()) as holding:
        holding.execute("LOCK TABLE access_events, event_outbox")
        begun = time.monotonic()
        released = threading.Timer(4 * _LOCKED_SECONDS, holding.rollback)
        released.start()
        door.rest("PUT", account_path(account, "/calls/locked"), call_facts())
        waited = time.monotonic() - begun
        released.cancel()
    return waited


def _try(fleet: Fleet, url: str, *, first: bool = False) -> tuple[str, bool]:
    """Start a node on a URL; return what it said, and whether it is ready."""
    node = Node(
        fleet.folder / f"try{len(fleet.nodes)}", "serve", **(fleet.settings | {"VAULT_DATABASE_URL": url})
    )
    if first or not fleet.key:
        made = node.command("keys", "create", "--name", "a", "--scopes", "*", patience=60)
        if made.returncode:
            return _last(made.stderr), False
        fleet.key = made.stdout.strip()
    fleet.nodes.append(node)
    node.launch()
    try:
        node.await_ready()
    except RuntimeError:
        alive = node.running is not None and node.running.poll() is None
        said = Door(base=node.url, key="").send("GET", "/readyz").body.decode() if alive else ""
        return said or _last(node.log.read_text()), False
    warned = [line for line in node.log.read_text().splitlines() if '"warning"' in line or '"error"' in line]
    return " ".join(json.loads(line).get("reason", "") for line in warned if line.startswith("{")), True


def _last(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line]
    return lines[-1] if lines else ""


def _alter(pair: PostgresqlPair, statement: str) -> None:
    with psycopg.connect(pair.primary.url(), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(statement)  # type: ignore[arg-type]
