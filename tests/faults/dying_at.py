"""The service, which dies at the point of its work that a file beside its data names.

It kills itself, because nobody outside can hit these moments. Every point is the edge of a call: in front of it,
or behind it. Where the call is a part of a transaction, what lies behind it is not committed yet.
"""

import asyncio
import functools
import inspect
import itertools
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from fastapi import FastAPI

from vault.cli.main import main
from vault.database.engines import postgresql, sqlite
from vault.database.log_tree.sequencer_sqlite import SqliteSequencer
from vault.database.stores.audit_log import log_tree
from vault.database.stores.backup.object_store import TombstoneRows
from vault.database.stores.recordings.recording_queue import QueueRows
from vault.database.stores.recordings.recording_states import RecordingStates
from vault.domain.recordings.recording import State
from vault.domain.recordings.transitions import ERASE
from vault.objects.directory import DirectoryStore
from vault.objects.directory_writer import DirectoryWriter
from vault.sealing.sealer import Sealer
from vault.services.backup.write_account_objects import WriteTombstones
from vault.services.closing_acts.journal import Journal
from vault.services.closing_acts.journaled_database import JournaledDatabase
from vault.services.ingest import admit_recording, store_attempt
from vault.services.ingest.admit_recording import AdmitRecording
from vault.services.ingest.announce import Announce
from vault.services.ingest.describe_and_admit import Describe
from vault.services.ingest.describe_audio import DescribeAudio
from vault.services.ingest.fetch_recording import Ingest
from vault.services.ingest.store_attempt import Attempt
from vault.services.recordings import remove_erased
from vault.services.recordings.recordings import Recordings
from vault.services.recordings.remove_erased import RemoveErased

#: In the data directory: the point that is asked for, and the one at which the process died.
WANTED, REACHED = "die-at", "died-at"
#: The one point that is no edge of a call: the answer has left, and the row waits for a worker.
ANSWERED = "the announcement is answered"
#: Seconds in which the kernel takes an answer.
_SENT = 0.05
#: Requests of these methods that are not answered yet, and how long the worker waits before it looks again.
_UNANSWERED: set[int] = set()
_CHANGING = frozenset({"POST", "DELETE"})
_PAUSE = 0.005

Chosen = Callable[[tuple[Any, ...], Any], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """An edge of a call at which the process may die; which calls count is for ``chosen`` to say."""

    name: str
    owner: Any
    call: str
    edge: Literal["before", "behind"]
    chosen: Chosen = lambda _arguments, _result: True


def _below(argument: int, begin: str, end: str = "") -> Chosen:
    return lambda given, _: given[argument].startswith(begin) and given[argument].endswith(end)


def _second() -> Chosen:
    numbers = itertools.count(1)
    return lambda _arguments, _result: next(numbers) == 2


def _claimed(given: tuple[Any, ...], result: Any) -> bool:
    return result is not None and State.RECEIVED in given[1]


def _claims_received(given: tuple[Any, ...], _: Any) -> bool:
    return State.RECEIVED in given[0]


def _erased(given: tuple[Any, ...], _: Any) -> bool:
    return ERASE in given[1]


def _grown(given: tuple[Any, ...], _: Any) -> bool:
    return given[0]._head is not None and given[0]._next is not given[0]._head


def _point(
    name: str, edge: Literal["before", "behind"], owner: Any, call: str, chosen: Chosen | None = None
) -> Point:
    more: dict[str, Any] = {} if chosen is None else {"chosen": chosen}
    return Point(name=name, owner=owner, call=call, edge=edge, **more)


_AUDIO = _below(2, "recordings/", ".audio")
POINTS: Final = (
    _point("the announcement is written", "behind", sqlite, "announce_one"),
    _point("the announcement is written", "behind", postgresql, "announce_steps"),
    _point("the announcement is committed", "behind", Announce, "__call__"),
    _point("the claim is written", "behind", QueueRows, "claim", _claimed),
    # One statement that commits itself: there is nothing between its sending and its commit.
    _point("the claim is written", "behind", postgresql, "hot_claims", _claims_received),
    _point("the claim is committed", "before", Ingest, "_process"),
    _point("half of it is fetched", "before", Sealer, "update", _second()),
    _point("all of it is sent to the store", "before", DirectoryWriter, "finish"),
    _point("the object is durable", "before", DirectoryStore, "_publish", _AUDIO),
    _point("the object is visible", "behind", DirectoryStore, "_publish", _AUDIO),
    _point("the object is finished", "before", Attempt, "_store"),
    _point("stored is written", "behind", store_attempt, "_stored"),
    _point("stored is committed", "behind", Attempt, "_store"),
    _point("the claim to describe is committed", "before", Describe, "_describe"),
    _point("the sealed object has no row", "before", AdmitRecording, "sealed"),
    _point("it is described", "behind", DescribeAudio, "_describe_audio"),
    _point("the gate is written", "behind", admit_recording, "gate"),
    _point("the gate is committed", "behind", AdmitRecording, "_through_the_gate"),
    _point("the log is grown", "behind", SqliteSequencer, "sequence", _grown),
    _point("the log is grown", "behind", log_tree, "sequence_waiting", lambda _, moved: moved > 0),
    _point("the manifest is due", "before", AdmitRecording, "_write_manifest"),
    _point("the manifest is there", "before", JournaledDatabase, "first_manifest_written"),
    _point("the manifest is noted", "behind", AdmitRecording, "_write_manifest"),
    _point("the erasure is written", "behind", RecordingStates, "change", _erased),
    _point("the act is committed", "before", Journal, "put"),
    _point("the act is stored", "behind", Journal, "put"),
    _point("the keys are shredded", "behind", Recordings, "erase"),
    _point("the objects are to be deleted", "before", RemoveErased, "_remove"),
    _point("the manifest is deleted", "behind", DirectoryStore, "delete", _below(1, "manifests/")),
    _point("the audio is deleted", "behind", DirectoryStore, "delete", _below(1, "recordings/")),
    _point("erased is written", "behind", remove_erased, "_tombstone"),
    _point("erased is committed", "behind", RemoveErased, "_remove"),
    _point("the tombstone is due", "before", WriteTombstones, "__call__"),
    _point("the tombstone is there", "before", TombstoneRows, "written"),
)


def _is_wanted(name: str) -> bool:
    try:
        return (_folder() / WANTED).read_text() == name
    except FileNotFoundError:
        return False


def _folder() -> Path:
    return Path(os.environ["VAULT_DATA_DIR"])


def _die() -> None:
    (_folder() / WANTED).rename(_folder() / REACHED)
    os.kill(os.getpid(), signal.SIGKILL)


def put_death_at(point: Point) -> None:
    """Put a death at a point."""
    inner = getattr(point.owner, point.call)
    before, behind = point.edge == "before", point.edge == "behind"

    def look(given: tuple[Any, ...], result: Any, *, here: bool) -> None:
        if here and _is_wanted(point.name) and point.chosen(given, result):
            _die()

    @functools.wraps(inner)
    def plain(*given: Any, **named: Any) -> Any:
        look(given, None, here=before)
        result = inner(*given, **named)
        look(given, result, here=behind)
        return result

    @functools.wraps(inner)
    async def waiting(*given: Any, **named: Any) -> Any:
        look(given, None, here=before)
        result = await inner(*given, **named)
        look(given, result, here=behind)
        return result

    setattr(point.owner, point.call, waiting if inspect.iscoroutinefunction(inner) else plain)


def _put_death_behind_the_answer() -> None:
    """Die when an answer of 202 has left, and keep the worker from what it announced."""
    answer, ingest = FastAPI.__call__, Ingest.__call__

    async def answer_and_die(self: FastAPI, scope: Any, receive: Any, send: Any) -> None:
        status = 0

        async def sent(message: Any) -> None:
            nonlocal status
            await send(message)
            status = message.get("status", status)
            last = message["type"] == "http.response.body" and not message.get("more_body")
            if last and status == 202 and _is_wanted(ANSWERED):
                asyncio.get_running_loop().call_later(_SENT, _die)

        await answer(self, scope, receive, sent)

    async def wait(self: Ingest) -> bool:
        return False if _is_wanted(ANSWERED) else await ingest(self)

    FastAPI.__call__ = answer_and_die  # type: ignore[method-assign]
    Ingest.__call__ = wait  # type: ignore[method-assign]


def _begin_behind_the_answer(owner: Any) -> None:
    """While a death is wanted, let a worker begin only after the answers have left.

    A commit wakes it immediately, so without this it could be killed before or after the answer, as it comes.
    """
    work = owner.__call__

    async def wait_and_work(self: Any) -> bool:
        while _UNANSWERED and (_folder() / WANTED).exists():
            await asyncio.sleep(_PAUSE)
        done: bool = await work(self)
        return done

    owner.__call__ = wait_and_work


def _note_what_is_not_answered() -> None:
    answer, numbers = FastAPI.__call__, itertools.count()

    async def noted(self: FastAPI, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("method") not in _CHANGING:
            await answer(self, scope, receive, send)
            return
        number = next(numbers)
        _UNANSWERED.add(number)
        try:
            await answer(self, scope, receive, send)
        finally:
            asyncio.get_running_loop().call_later(_SENT, _UNANSWERED.discard, number)

    FastAPI.__call__ = noted  # type: ignore[method-assign]


def prepare() -> None:
    """Put a death at every point."""
    for point in POINTS:
        put_death_at(point)
    _put_death_behind_the_answer()
    _note_what_is_not_answered()
    for owner in (Ingest, RemoveErased):
        _begin_behind_the_answer(owner)


if __name__ == "__main__":
    prepare()
    main()
