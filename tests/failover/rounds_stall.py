"""Rounds in which a synchronous standby stands still, and commits wait for it."""

import threading
import time
from collections.abc import Sequence

from tests.failover import aftermath
from tests.failover.account_book import Act
from tests.failover.figures import Table
from tests.failover.load import Load
from tests.failover.world import World, world
from tests.servers.postgresql_pair import wait_for

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
_CANCEL = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
#: Kinds by how long they may take while the standby stands still.
_READS = ("read",)
_OFF = ("switch off", "toggle off")
#: Seconds that a stop may take: its own time, and as long again for what cannot end.
_STOP_SECONDS = 10.0


def standby_stopped(*, seconds: float = 40.0, subjects: int = 24) -> Table:
    """Stop the synchronous standby for so long, under load, and the node before it goes on."""
    with world(
        f"synchronous standby stopped for {seconds:g} s", synchronous=True, subjects=subjects
    ) as around:
        book, table, load = around.book, around.table, around.load().start()
        time.sleep(2)
        around.pair.standby.freeze()
        begun = book.mark("killed")
        time.sleep(seconds - _STOP_SECONDS)
        stopping = book.mark("stopping")
        ended = _stop(around)
        thawed = book.mark("thawed")
        around.pair.standby.thaw()
        load.stop()
        asked = [act for act in book.sent_since(begun) if act.sent < stopping]
        for name, kinds in (("read", _READS), ("switch-off", _OFF)):
            _longest(
                table, name, [act for act in asked if act.kind in kinds], most=1 if name == "read" else 10
            )
        others = [act for act in asked if act.kind not in {*_READS, *_OFF}]
        _longest(table, "other request", others, most=10)
        hanging = [
            act for act in book.sent_since(begun) if act.sent < thawed - _STOP_SECONDS < thawed < act.answered
        ]
        table.none("requests that hung until the standby went on", [act.kind for act in hanging])
        table.add("ended by SIGTERM before the standby went on (1 is yes)", ended is not None, least=1)
        table.add(
            "SIGTERM: seconds to the end",
            ended if ended is not None else -1.0,
            most=_STOP_SECONDS,
            timed=True,
        )
        around.node.stop()
        around.node.launch()
        around.node.await_ready()
        aftermath.compare_closed(table, around.door, book)
        return table


def cancelled(*, subjects: int = 8) -> Table:
    """Cancel commits that wait for the standby: they stand on one server alone, so none may be answered with 2xx."""
    with world("cancelled synchronous commits", synchronous=True, subjects=subjects) as around:
        book, load = around.book, around.load()
        around.pair.standby.freeze()
        begun = book.mark("killed")
        threads = [threading.Thread(target=act, args=(around.door,)) for act in _writes(load)]
        for thread in threads:
            thread.start()
        wait_for(lambda: int(str(around.pair.primary.ask(_WAITING))) >= 2)
        done = 0
        while any(thread.is_alive() for thread in threads):
            done += int(str(around.pair.primary.ask(_CANCEL)))
            time.sleep(0.2)
        asked = list(book.sent_since(begun))
        yes = [f"{act.kind} {act.status}" for act in asked if act.acknowledged]
        around.table.add("commits that were cancelled", done)
        around.table.none("cancelled commits answered with 2xx", yes, len(asked))
        around.pair.standby.thaw()
        return around.table


def _writes(load: Load) -> Sequence:
    """Return one request of each kind that writes."""
    return [load.switch_off, load.erase, load.restrict, load.object, load.revoke_key, load.start_call]


def _longest(table: Table, what: str, acts: Sequence[Act], *, most: float) -> None:
    longest = max((act.seconds for act in acts), default=0.0)
    table.add(f"longest wait of a {what}, seconds", longest, most=most, timed=True)
    kinds = {act.kind: max(one.seconds for one in acts if one.kind == act.kind) for act in acts}
    table.remark(
        f"{what}: longest " + ", ".join(f"{kind} {longest:.1f}" for kind, longest in sorted(kinds.items()))
    )
    table.remark(f"{what}: {len(acts)} asked, {sum(act.acknowledged for act in acts)} answered with 2xx")


def _stop(around: World) -> float | None:
    """Send SIGTERM; return the seconds to the end, None if there is none before the standby goes on."""
    node, begun = around.node, time.monotonic()
    node.terminate()
    assert node.running is not None
    while time.monotonic() < begun + 2 * _STOP_SECONDS:
        if node.running.poll() is not None:
            return time.monotonic() - begun
        time.sleep(0.05)
    return None
