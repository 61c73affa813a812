"""Readiness tells the truth: each part that does no work is named, a silent one within the deadline."""

import asyncio

import pytest

from vault.errors import NotFound, StartRefused, Tampered, Unavailable
from vault.web.http import readiness
from vault.web.http.readiness import Readiness


class Parts:
    """CheckPart whose answers a test sets, and which counts what it is asked."""

    def __init__(self) -> None:
        self.errors: dict[str, Exception | None] = {}
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self.answering = asyncio.Event()

    async def __call__(self, part: str) -> None:
        """Answer as the test says."""
        self.asked.append(part)
        if part in self.silent:
            await self.answering.wait()
        if error := self.errors.get(part):
            raise error


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    """All parts are well."""
    monkeypatch.setattr(readiness, "_MIN_CACHE_TTL", 0.0)
    return Parts()


async def test_a_node_whose_parts_answer_is_ready(parts: Parts):
    """Nothing is named, and a balancer that asks all the time does not pass its question on each time."""
    ready = Readiness(parts)
    assert [await ready.troubles() for _ in range(50)] == [{}] * 50
    assert parts.asked == ["database", "objects", "root_key", "clock"]


@pytest.mark.parametrize(
    ("part", "error", "words"),
    [
        ("database", Unavailable("connect to db.internal failed"), "The database does not answer."),
        ("database", StartRefused("schema 0003"), "The database has the schema of another release."),
        ("objects", Unavailable("bucket b"), "The object store does not answer, or is not this vault's."),
        ("objects", NotFound("owner.json"), "The object store does not answer, or is not this vault's."),
        ("root_key", Unavailable("alias/x"), "The root key cannot be used."),
        ("root_key", Tampered("other key"), "The root key cannot be used."),
        ("root_key", OSError("disk"), "The root key cannot be used."),
        ("clock", Unavailable("600 s"), "The clock of this node is wrong by more than 2 minutes."),
    ],
)
async def test_a_part_in_trouble_is_named_without_its_own_words(parts: Parts, part, error, words):
    """Addresses, names and messages of libraries stay inside; once the part is well, so is the node."""
    parts.errors[part] = error
    ready = Readiness(parts)
    assert await ready.troubles() == {part: words}
    parts.errors.clear()
    assert await ready.troubles() == {}


async def test_a_silent_part_is_named_within_the_deadline_and_asked_once(parts: Parts):
    """Nobody waits for it longer, no second question is asked beside the first, and its late answer counts."""
    parts.silent.add("objects")
    ready = Readiness(parts, deadline=0.05)
    # That they come at all is the proof: the part is silent until they are here.
    answers = await asyncio.gather(*(ready.troubles() for _ in range(20)))
    assert all(set(answer) == {"objects"} for answer in answers)
    assert parts.asked.count("objects") == 1
    parts.answering.set()
    assert await ready.troubles() == {}


async def test_a_stopping_node_says_so_though_all_is_well(parts: Parts):
    """A balancer sends nothing to a node that was told to stop."""
    ready = Readiness(parts)
    ready.stopping.set()
    assert await ready.troubles() == {"stopping": "This node is shutting down."}
