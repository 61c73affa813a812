"""Rounds with two primaries: the standby is promoted while the old primary lives, and each has a node."""

import time

from tests.failover import aftermath
from tests.failover.figures import Table
from tests.failover.requests import Door
from tests.failover.world import World, world
from tests.servers.fleet import Node
from tests.servers.postgresql_pair import wait_for

_PRIMARY, _STANDBY = "postgresql://postgres@{primary}/vault", "postgresql://postgres@{standby}/vault"
#: Seconds in which a node that does not extend the anchor must have noticed: an interval and a turn.
_NOTICED = 4.0


def two_primaries(*, seconds: float = 8.0, subjects: int = 24, keep_new: bool = True) -> Table:
    """Promote the standby beside the living primary. ``keep_new``: the operator accepts the promoted one."""
    title = f"two primaries with one node each, the {'new' if keep_new else 'old'} one is accepted"
    with world(title, subjects=subjects, url=_PRIMARY) as around:
        book, table = around.book, around.table
        around.pair.catch_up()
        around.pair.relay.close()
        around.pair.standby.promote()
        book.mark("killed")
        url = _STANDBY.format(standby=around.pair.standby.address)
        second = _second_node(around, url)
        other = Door(base=second.url, key=around.fleet.key)
        load = around.load(around.door, other).start()
        book.mark("promoted")
        time.sleep(seconds)
        load.stop()
        for door in (around.door, other):
            load.closely(door)
        stopped = [door for door in (around.door, other) if door.send("GET", "/readyz").status != 200]
        table.add("nodes that stopped serving", len(stopped), 2, least=1)
        _count(around, [around.door, other])
        chosen, node = (other, second) if keep_new else (around.door, around.node)
        for one in around.fleet.nodes:
            if one is not node:
                one.stop()
        aftermath.restore(node, chosen, table, needed=chosen in stopped)
        aftermath.restore_again(node, table)
        aftermath.compare_closed(table, chosen, book)
        aftermath.compare_history(table, node, chosen, book, around.fleet.folder / "verify")
        return table


def _second_node(around: World, url: str) -> Node:
    """Start a node on the promoted server; it may find immediately that the other history is longer."""
    fleet = around.fleet
    node = Node(fleet.folder / "second", "serve", **(fleet.settings | {"VAULT_DATABASE_URL": url}))
    fleet.nodes.append(node)
    node.launch()
    wait_for(lambda: node._ready("/healthz"))
    return node


def _count(around: World, doors: list[Door]) -> None:
    """Count what each node acknowledged, and what both did once they could know of each other."""
    book, table = around.book, around.table
    late = [0, 0]
    for number, door in enumerate(doors):
        mine = [
            act
            for act in book.sent_since(book.moments["promoted"])
            if act.acknowledged and act.door == door.base
        ]
        late[number] = sum(act.sent > book.moments["promoted"] + _NOTICED for act in mine)
        table.add(f"acknowledged by the {'new' if number else 'old'} primary's node", len(mine))
    table.add("acknowledged by the loser, seconds later", min(late), most=0)
