"""Erasing against whatever else wants the same recording: each time one outcome, and nothing of it is left.

The vault has no legal hold. What comes closest is the restriction, which keeps a recording from being heard and
not from being erased.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.server import second_node, vault_process
from tests.faults.switch_check import Look, looking_at
from tests.support.audio_listener import Seat, hear, take_seat
from tests.support.counts import count
from tests.support.raw_client import Client, ask
from tests.support.telephone_audio import wav

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

KINDS = pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
_SHORT = wav(844, 1)
#: Five windows of a stream.
_LONG = wav(44 + 1_600_000, 2)
#: Seconds by which one of two comes later, at most.
_APART = 0.012
_FILLERS = 4


@dataclass(kw_only=True)
class Arena:
    """A vault with recordings, and the nodes of it."""

    nodes: Sequence[Client]
    look: Look
    objects: Path

    def of_row(self, recording_id: str) -> dict[str, Any]:
        """Return the row of a recording."""
        (row,) = self.look(f"SELECT * FROM recordings WHERE id = '{recording_id}'")  # noqa: S608 - an id that we made
        return row

    def left(self, recording_id: str) -> list[str]:
        """Return what lies in the object store of a recording."""
        names = [Path(where, name) for where, _, files in os.walk(self.objects) for name in files]
        return [str(path) for path in names if recording_id in str(path)]

    def fill(self, total: int, body: bytes) -> list[str]:
        """Upload recordings, and wait until all can be heard."""
        client = self.nodes[0]
        with ThreadPoolExecutor(_FILLERS) as pool:
            sent = list(pool.map(lambda n: client.put(f"call-{n}", body, len(body)).json["id"], range(total)))
        for recording_id in sent:
            client.wait_for(recording_id)
        return sent

    def race(self, *deeds: Callable[[Client], Any], chance: random.Random) -> list[Any]:
        """Let each node do something immediately, or nearly so, and return what each was answered."""
        together = threading.Barrier(len(deeds))

        def run(deed: Callable[[Client], Any], node: Client, late: float) -> Any:
            together.wait(30)
            time.sleep(late)
            return deed(node)

        with ThreadPoolExecutor(len(deeds)) as pool:
            running = [
                pool.submit(
                    run,
                    deed,
                    self.nodes[n % len(self.nodes)],
                    chance.choice((0, 0, _APART)) * chance.random(),
                )
                for n, deed in enumerate(deeds)
            ]
            return [one.result(60) for one in running]

    def events(self, recording_id: str, *, until: str = "recording.erased") -> list[dict[str, Any]]:
        """Return a recording's events in the order of the log, once the last one is there."""
        path = f"{self.nodes[0].home}/access-events?limit=1000&recording={recording_id}"
        deadline = time.monotonic() + 60
        while True:
            said = self.nodes[0].rest("GET", path).json["items"]
            said = sorted(said, key=lambda event: event["index"])
            if until in [event["type"] for event in said]:
                return said
            assert time.monotonic() < deadline, [event["type"] for event in said]
            time.sleep(0.1)

    def is_erased(self, recording_id: str) -> None:
        """Assert that it was erased: once, and that neither key nor object is left."""
        said = self.nodes[0].wait_for(recording_id, "erased")
        assert said["erased_at"]
        row = self.of_row(recording_id)
        assert [row[name] for name in ("wrapped_key", "sealed_details", "sealed_waveform")] == [None] * 3
        assert self.left(recording_id) == []
        kinds = Counter(event["type"] for event in self.events(recording_id))
        assert (kinds["recording.erasing"], kinds["recording.erased"]) == (1, 1)
        assert self.nodes[0].audio(recording_id).status in {404, 410}


@contextmanager
def arena(folder: Path, kind: str, request: pytest.FixtureRequest) -> Iterator[Arena]:
    """Serve a vault; on PostgreSQL two nodes of it."""
    settings = {}
    if kind == "postgresql":
        settings["VAULT_DATABASE_URL"] = request.getfixturevalue("migrated_url")
    with vault_process(folder, **settings) as (server, client), ExitStack() as stack:
        nodes = [client]
        if kind == "postgresql":
            nodes.append(stack.enter_context(second_node(folder / "second", server, client)))
        look = looking_at(settings.get("VAULT_DATABASE_URL", server.database))
        yield Arena(nodes=nodes, look=look, objects=server.data_dir / "objects")


def _erase(recording_id: str) -> Callable[[Client], int]:
    return lambda node: node.rest("DELETE", f"{node.home}/recordings/{recording_id}").status


def _restrict(recording_id: str, *, restricted: bool) -> Callable[[Client], int]:
    method, said = ("PUT", {"reason": "asked for"}) if restricted else ("DELETE", None)
    return lambda node: node.rest(method, f"{node.home}/recordings/{recording_id}/restriction", said).status


@KINDS
@pytest.mark.parametrize("restricted", [True, False], ids=["restriction", "release"])
def test_an_erasure_and_a_restriction_at_once_erase(
    folder: Path, kind: str, *, restricted: bool, request: pytest.FixtureRequest
) -> None:
    """What comes first stands in the log before the erasure and changes nothing of it; what comes later is told 410."""
    what = "a restriction" if restricted else "a release"
    rounds = count(f"races of an erasure with {what} on {kind}", small=4, full=200)
    mine = "recording.restricted" if restricted else "recording.unrestricted"
    chance, answers = random.Random(rounds), dict[str, int]()  # noqa: S311 - the same again
    with arena(folder, kind, request) as ring:
        for recording_id in ring.fill(rounds, _SHORT):
            if not restricted:
                assert _restrict(recording_id, restricted=True)(ring.nodes[0]) == 200
            deeds = [_erase(recording_id), _restrict(recording_id, restricted=restricted)]
            erased, answers[recording_id] = ring.race(*deeds, chance=chance)
            assert erased == 202
        for recording_id, answer in answers.items():
            ring.is_erased(recording_id)
            kinds = [event["type"] for event in ring.events(recording_id)]
            assert answer in {200, 410}
            assert kinds.count(mine) == (answer == 200), (answer, kinds)
            if answer == 200:
                assert kinds.index(mine) < kinds.index("recording.erasing"), kinds
            entries = f"SELECT * FROM evidence_entries WHERE recording_id = '{recording_id}'"  # noqa: S608 - an id that we made
            assert ring.look(entries) == []
    print(f"{dict(Counter(answers.values()))}: answers to {what}")


@KINDS
def test_of_two_erasures_at_once_one_erases(folder: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """One is answered 202, and the log tells of one erasure.

    The other is answered 410, or 202 too: until the closing act is known to lie in the object store a repeat sees to
    that, so that its answer means as much as the first. A node that answered 202 knows it from then on.
    """
    rounds = count(f"races of two erasures on {kind}", small=4, full=200)
    chance = random.Random(rounds)  # noqa: S311 - the same again
    with arena(folder, kind, request) as ring:
        sent = ring.fill(rounds, _SHORT)
        for recording_id in sent:
            answers = ring.race(_erase(recording_id), _erase(recording_id), chance=chance)
            assert sorted(answers) in ([202, 202], [202, 410])
            for number, answer in enumerate(answers):
                node = ring.nodes[number % len(ring.nodes)]
                assert answer == 410 or _erase(recording_id)(node) == 410
        for recording_id in sent:
            ring.is_erased(recording_id)


@KINDS
def test_a_restricted_recording_is_never_heard_while_it_is_erased(
    folder: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """A restriction is no hold: it does not keep from erasing, and no moment of that lets anybody hear."""
    rounds = count(f"erasures of restricted recordings under listeners on {kind}", small=4, full=200)
    chance = random.Random(rounds)  # noqa: S311 - the same again
    with arena(folder, kind, request) as ring:
        sent = ring.fill(rounds, _SHORT)
        for recording_id in sent:
            seat = take_seat(ring.nodes[0], recording_id)
            assert _restrict(recording_id, restricted=True)(ring.nodes[0]) == 200
            listening = [_listen(seat), lambda node, which=recording_id: node.audio(which).status]
            erased, *heard = ring.race(_erase(recording_id), *listening, *listening, chance=chance)
            assert erased == 202
            assert set(heard) <= {404, 410}
        for recording_id in sent:
            ring.is_erased(recording_id)


def _listen(seat: Seat) -> Callable[[Client], int]:
    return lambda node: ask(node.base, "GET", seat.audio, headers={"Cookie": seat.cookie}).status


@KINDS
def test_a_session_that_plays_gets_nothing_more_once_it_is_erased(
    folder: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """The stream ends within what had been granted before, or whole; afterwards the session is over."""
    rounds = count(f"races of an erasure with a playing session on {kind}", small=4, full=200)
    ends = dict[str, int]()
    chance, became = random.Random(rounds), Counter[str]()  # noqa: S311 - the same again
    with arena(folder, kind, request) as ring:
        for recording_id in ring.fill(rounds, _LONG):
            seat = take_seat(ring.nodes[0], recording_id)
            hearing = hear(ring.nodes[0], seat, buffer=4096)
            if chance.random() < 0.8:
                hearing.read(chance.choice((1, 70_000, 300_000)))
            erased, heard = ring.race(_erase(recording_id), lambda _, on=hearing: on.read_on(), chance=chance)
            assert erased == 202
            hearing.close()
            whole = hearing.status == 200 and heard == len(_LONG)
            became["whole" if whole else "broken off" if hearing.status == 200 else "refused"] += 1
            assert hearing.status in {200, 404}
            assert hearing.status == 404 or bytes(hearing.body) == _LONG[:heard]
            assert _listen(seat)(ring.nodes[-1]) == 404
            ends[recording_id] = heard if hearing.status == 200 else 0
        for recording_id, heard in ends.items():
            ring.is_erased(recording_id)
            # PostgreSQL has no one writer: a session's one grant may be on its way as the erasure commits.
            _nothing_is_granted_after(ring.events(recording_id), heard, under_way=kind == "postgresql")
    print(f"{dict(became)}: ends of sessions")


def _nothing_is_granted_after(events: Sequence[dict[str, Any]], heard: int, *, under_way: int) -> None:
    """Assert that no grant follows the erasure, but for those that were ``under_way`` as it was committed."""
    kinds = [event["type"] for event in events]
    granted = [number for number, kind in enumerate(kinds) if kind == "playback.grant"]
    assert sum(number > kinds.index("recording.erasing") for number in granted) <= under_way, kinds
    assert heard <= max([events[number]["end"] for number in granted], default=0)
