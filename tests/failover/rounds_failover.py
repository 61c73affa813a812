"""Rounds in which the primary dies and the standby is promoted."""

import threading
import time

from tests.failover import aftermath
from tests.failover.figures import Table
from tests.failover.load import Load
from tests.failover.requests import PATIENCE
from tests.failover.world import World, world
from tests.servers.ports import free_ports
from tests.servers.postgresql_pair import wait_for

#: Seconds from the primary's death to the promotion.
_UNTIL_PROMOTED = 1.0


def asynchronous(
    *,
    lag: float,
    quiet: bool = False,
    seconds: float = 6.0,
    after: float = 6.0,
    subjects: int = 16,
    s3: bool = False,
) -> Table:
    """Promote a standby that is ``lag`` seconds behind. ``quiet``: only reads come after that."""
    title = f"asynchronous, {lag:g} s behind, {'quiet' if quiet else 'busy'}{', S3' if s3 else ''}"
    with world(title, subjects=subjects, s3=s3) as around:
        _kill(around, lag=lag, quiet=quiet, seconds=seconds, after=after)
        _compare(around, lossless=False)
        return around.table


def synchronous(
    *,
    local: bool = False,
    haproxy: bool = False,
    seconds: float = 6.0,
    after: float = 4.0,
    lag: float = 0.0,
    subjects: int = 16,
) -> Table:
    """Promote a synchronous standby: nothing may be lost. ``local``: the role does not wait for it by default.

    ``haproxy``: the node does not know the two servers, but a proxy that asks which one is the primary.
    """
    title = "synchronous, " + ("behind haproxy" if haproxy else "list of hosts")
    title += f", synchronous_commit=local on the role, {lag:g} s behind" if local else ""
    with world(title, synchronous=True, subjects=subjects, proxied=haproxy) as around:
        if local:
            around.pair.primary.ask("ALTER ROLE postgres SET synchronous_commit = local")
            _cut_connections(around)
        _kill(around, lag=lag, quiet=False, seconds=seconds, after=after)
        _compare(around, lossless=True)
        return around.table


def _kill(around: World, *, lag: float, quiet: bool, seconds: float, after: float) -> None:
    """Run the load into the death of the primary, go on for ``after`` seconds, and bring the database back."""
    book, load = around.book, around.load()
    around.pair.relay.delay = lag
    load.start()
    time.sleep(max(seconds, lag + 2))
    if quiet:
        load.stop()
        around.pair.catch_up()
        load.closely(around.door)
    around.pair.primary.kill()
    book.mark("killed")
    kept = around.manifests()
    around.pair.fail_over(seconds=_UNTIL_PROMOTED)
    book.mark("promoted")
    watch = _Watch(around)
    _after(around, load, watch, quiet=quiet, seconds=after)
    book.mark("looked")
    watch.stop()
    _figures(around, watch)
    if watch.seen:
        aftermath.restore(around.node, around.door, around.table)
    book.mark("restored")
    if not quiet:
        time.sleep(2)
        load.stop()
    if watch.seen:
        aftermath.restore_again(around.node, around.table)
    kept &= {act.more["id"] for act in book.acknowledged("upload")}
    aftermath.compare_manifests(around.table, around.door, around.stage.accounts[2], book, kept)


def _after(around: World, load: Load, watch: "_Watch", *, quiet: bool, seconds: float) -> None:
    """Let the load go on; on a quiet vault somebody reads, and then one thing of each kind is done."""
    begun = time.monotonic()
    # On a slow machine the node is connected again, or in recovery mode, only later.
    while time.monotonic() < begun + seconds or (
        not watch.is_decided and time.monotonic() < begun + PATIENCE
    ):
        if quiet:
            load.audit(around.door)
            load.read(around.door)
        time.sleep(0.2)
    if quiet:
        load.closely(around.door)


def _figures(around: World, watch: "_Watch") -> None:
    """Say whether the database went back, and what the vault made of it."""
    book, table, went_back = around.book, around.table, _lost_anything(around)
    still = aftermath.first_acknowledged(book, book.moments["killed"])
    if still is not None and not went_back:
        table.add("seconds from the kill to the first 2xx", still)
    table.add("the database went back (1 is yes)", went_back)
    table.add("recovery mode while running (1 is yes)", watch.seen, least=1 if went_back else None)
    if not went_back:
        table.add("false alarms", watch.seen, most=0)
    if watch.seen:
        table.add("seconds from the promotion to recovery mode", watch.seconds)
    aftermath.count_acknowledged(
        table, book, book.moments["promoted"], book.moments["looked"], went_back=went_back
    )


def _compare(around: World, *, lossless: bool) -> None:
    table, door, book = around.table, around.door, around.book
    aftermath.compare_closed(table, door, book)
    restored = book.moments["promoted"]
    aftermath.compare_standing(
        table, door, book, before=book.moments["killed"], restored=restored, lossless=lossless
    )
    aftermath.compare_history(table, around.node, door, book, around.fleet.folder / "verify")
    _restart_elsewhere(around)
    aftermath.compare_leaves(table, around.pair.primary.url(), around.pair.standby.url(), book)


class _Watch:
    """Asks whether a node is in recovery mode, until it is or ``stop``."""

    def __init__(self, around: World) -> None:
        self.seen = False
        #: Also after it answered that it is ready: it is connected to the new primary then.
        self.is_decided = False
        self.seconds = 0.0
        self._around = around
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        promoted = self._around.book.moments["promoted"]
        while not self._stop.is_set() and not self.seen:
            answer = self._around.door.send("GET", "/readyz", patience=5)
            if answer.is_recovery:
                self.seen, self.seconds = True, time.monotonic() - promoted
            self.is_decided |= self.seen or answer.status == 200
            self._stop.wait(0.05)


def _lost_anything(around: World) -> bool:
    """Say whether the standby lacks an event that the dead primary has: look at the files of the dead one."""
    _restart_elsewhere(around)
    old = aftermath.leaves_of(around.pair.primary.url())
    around.pair.primary.kill()
    new = set(aftermath.leaves_of(around.pair.standby.url()).values())
    return any(leaf not in new for leaf in old.values())


def _restart_elsewhere(around: World) -> None:
    """Start the dead primary alone, on a port that no node knows."""
    around.pair.primary.port = free_ports(1)[0]
    around.pair.primary.restart_alone()


def _cut_connections(around: World) -> None:
    """End the node's connections, so that the next ones have the role's new settings."""
    around.pair.primary.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'vault'")
    wait_for(lambda: around.door.send("GET", "/readyz").status == 200)
