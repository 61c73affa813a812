"""What ends a right ends every permission from before, at every door of every node, or the table says why not.

The table is ``tests/support/ended_acts.py``. The second half puts old behaviour back, and the table must find it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.counts import FULL, count
from tests.support.ended_acts import ACTS, ALL
from tests.support.ended_scene import new_scene
from tests.support.web_house import House, open_house
from vault.database.engines.migrate import migrate_postgresql
from vault.database.stores.playback.link_keys import LinkKeyRows
from vault.services.playback import link_keys, links, signed_links
from vault.services.playback.link_request import LinkRequest
from vault.services.shared import end_listening, revoke_links
from vault.web.console import access
from vault.web.http import auth

pytestmark = pytest.mark.faults


SQLITE, POSTGRESQL = NODES = ("one node on SQLite", "two nodes on PostgreSQL")
#: Of how many acts one is tried on each of them: an act makes every permission again, which is seconds of CPU.
STEP = 1 if FULL else 20
#: A vault and its nodes are opened once for all acts.
_ONCE = {nodes: pytest.mark.xdist_group(nodes) for nodes in NODES}
TRIED = [
    pytest.param(nodes, act, marks=_ONCE[nodes])
    for nodes, first in ((SQLITE, 0), (POSTGRESQL, STEP // 2))
    for act in list(ACTS)[first::STEP]
]


@pytest.fixture(scope="module")
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[House]]:
    """The nodes of one vault."""
    folder, more = tmp_path_factory.mktemp("n"), {}
    with ExitStack() as stack:
        if "two" in request.param:
            more = {"VAULT_DATABASE_URL": request.getfixturevalue("postgresql_server").new_database()}
            migrate_postgresql(more["VAULT_DATABASE_URL"])
        first = stack.enter_context(open_house(folder / "1", **more))
        found = [first]
        if more:
            more |= {"VAULT_OBJECTS_URL": f"file://{folder}/1/data/objects"}
            more |= {"VAULT_ROOT_KEY_URL": f"file://{folder}/1/data/root.key", "VAULT_PUBLIC_URL": first.url}
            found.append(stack.enter_context(open_house(folder / "2", **more)))
        yield found


def tried(nodes: list[House], name: str, change: Callable[[], None] = lambda: None) -> list[str]:
    """Make every permission, do the act, and try every door at every node; return what is not as the table says.

    ``change``: called before the act.
    """
    act = ACTS[name]
    for node in nodes:
        node.forget_failures()
    scene = new_scene(nodes)
    assert scene.doors.keys() == ALL
    before = scene.alive()
    assert [door for doors in before.values() for door, at in doors.items() if not all(at)] == []
    scene.ids["act"] = name
    change()
    act.do(scene)
    wrong, cells = [], 0
    for permission, doors in scene.alive().items():
        for door, at in doors.items():
            cells += len(at)
            if at != [permission not in act.dead] * len(nodes):
                wrong.append(f"{permission} / {door}: {at}")
    print(f"{name}: {len(scene.doors)} permissions, {cells} doors at {len(nodes)} nodes")
    return wrong


def test_no_cell_is_empty():
    """Each act says for each permission whether it is dead, or why not."""
    for name, act in ACTS.items():
        said = [act.dead, *act.alive.values()]
        assert frozenset().union(*said) == ALL, (name, ALL - frozenset().union(*said))
        assert sum(map(len, said)) == len(ALL), name
    print(f"{len(ACTS)} acts, {len(ALL)} permissions, {len(ACTS) * len(ALL)} cells")


@pytest.mark.parametrize(("nodes", "act"), TRIED, indirect=["nodes"])
def test_what_is_ended_is_dead_through_every_door(nodes: list[House], act: str):
    """And what is not, lives on: so an act that ends too much is found as well."""
    count("acts of each pair of database and nodes", small=len(ACTS) // STEP, full=len(ACTS))
    assert tried(nodes, act) == []


@dataclass(frozen=True)
class Old:
    """The behaviour of an earlier release, and where the table finds it."""

    patch: Callable[[pytest.MonkeyPatch], None]
    act: str
    #: A permission that lives on with it, against the table.
    alive: str
    #: Whether it is put back when the permissions are there.
    late: bool = False


def nothing(*_: Any, **__: Any) -> int:
    """Do nothing."""
    return 0


def by_purpose(patch: pytest.MonkeyPatch) -> None:
    """Derive the right to play what is restricted from the purpose."""
    patch.setattr(LinkRequest, "plays_restricted", property(lambda self: self.purpose == "legal_claims"))


def closes_own_links(patch: pytest.MonkeyPatch) -> None:
    """Revoke the vault's own links alone when an account is closed."""
    patch.setattr(LinkKeyRows, "of_account", lambda *_: [])


def restricts_for_now(patch: pytest.MonkeyPatch) -> None:
    """Let links from before a restriction live again when it is lifted."""
    patch.setattr(end_listening, "end_listening", nothing)


def knows_names(patch: pytest.MonkeyPatch) -> None:
    """Delete a key by its name, and not what else has its public key."""
    patch.setattr(LinkKeyRows, "same", lambda _self, key: [key])


def mints_for_closed(patch: pytest.MonkeyPatch) -> None:
    """Give permissions to hear what a closed account keeps."""
    for module in (link_keys, links, signed_links):
        patch.setattr(module, "require_open", nothing)
    for door in (auth, access):
        patch.setattr(door, "check_open", nothing)


def knows_links(patch: pytest.MonkeyPatch) -> None:
    """Revoke links, and cut none that nobody has opened."""
    patch.setattr(end_listening, "cut_links", nothing)


def leaves_sessions(patch: pytest.MonkeyPatch) -> None:
    """End a session of the console, and not what is heard in it."""
    patch.setattr(revoke_links, "_stop", nothing)


OLD = {
    "legal claims by purpose": Old(by_purpose, "the recording is restricted", "link that says legal claims"),
    "restricted for now": Old(restricts_for_now, "a restriction is lifted", "link"),
    "closed but for signed links": Old(closes_own_links, "the account is closed", "signed link"),
    "minted for a closed account": Old(mints_for_closed, "the account is closed", "person, listens"),
    "one name of a public key": Old(
        knows_names, "a key that signs links is deleted", "signed link of a twin", late=True
    ),
    "only links that are known": Old(knows_links, "links of the recording are revoked", "signed link by ref"),
    "sessions without what is heard": Old(leaves_sessions, "somebody signs out", "console session, heard"),
}


@pytest.mark.parametrize(
    ("nodes", "old"),
    [
        pytest.param(kind, old, marks=_ONCE[kind])
        for kind in NODES[: len(NODES) if FULL else 1]
        for old in list(OLD)[:: 1 if FULL else 3]
    ],
    indirect=["nodes"],
)
def test_the_table_finds_old_behaviour(nodes: list[House], old: str, monkeypatch: pytest.MonkeyPatch):
    """With a mend taken out, the permission that it ended lives on, at every node."""
    known = OLD[old]
    if not known.late:
        known.patch(monkeypatch)
    wrong = tried(nodes, known.act, (lambda: known.patch(monkeypatch)) if known.late else lambda: None)
    assert any(one.startswith(f"{known.alive} /") and "True" in one for one in wrong), wrong
