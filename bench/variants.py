"""What stands in for a part of the vault, so that the part's own cost can be seen.

Each of these is worth nothing outside of the benchmark: they answer without having done the work.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase, _engine
from vault.database.engines.sqlite_jobs import Job
from vault.database.engines.sqlite_writer import Writer
from vault.database.interface import Database
from vault.database.signals import Signals
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.stores.hot.add_fact import AddedFact, NewFact
from vault.database.stores.hot.open_sessions import NewSession
from vault.database.stores.hot.statements import Announced, Grant, announce_one
from vault.database.stores.recordings.recordings import NewRecording
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.calls.call import CallFacts
from vault.domain.playback.link import Session
from vault.domain.recordings.media import MAX_AUDIO_BYTES
from vault.domain.recordings.recording import Recording, State
from vault.errors import NotFound, VaultError
from vault.ports.objects import ObjectStore, StoredObject, StoredVersion
from vault.services.admission.call_start import CallAnswer
from vault.services.ingest.change_metadata import ChangeMetadata
from vault.services.ingest.seal_stream import _pump, gather
from vault.thread_pools import Threads

T = TypeVar("T")


class Behind:
    """A database that passes everything on; its children override what they leave out."""

    def __init__(self, database: Database) -> None:
        """Stand before ``database``."""
        self.database = database

    @property
    def signals(self) -> Signals:
        """Pass on."""
        return self.database.signals

    async def write(self, function: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Pass on."""
        return await self.database.write(function, urgent=urgent)

    async def read(self, function: Callable[[Transaction], T]) -> T:
        """Pass on."""
        return await self.database.read(function)

    async def fetch(self, select: CompiledSelect, **values: object) -> list[dict[str, Any]]:
        """Pass on."""
        return await self.database.fetch(select, **values)

    async def add_fact(self, new: NewFact) -> AddedFact:
        """Pass on."""
        return await self.database.add_fact(new)

    async def announce(self, new: NewRecording) -> Announced:
        """Pass on."""
        return await self.database.announce(new)

    async def grant(self, grant: Grant) -> bool:
        """Pass on."""
        return await self.database.grant(grant)

    async def open_session(self, new: NewSession) -> Session | None:
        """Pass on."""
        return await self.database.open_session(new)

    async def is_valid(self, event: AccessEvent) -> bool:
        """Pass on."""
        return await self.database.is_valid(event)

    async def append_soon(self, event: AccessEvent) -> None:
        """Pass on."""
        await self.database.append_soon(event)

    async def check(self) -> None:
        """Pass on."""
        await self.database.check()

    async def scrub(self) -> bool:
        """Pass on."""
        return await self.database.scrub()


class NotCommitted(Behind):
    """Acknowledges announcements that it never wrote."""

    async def announce(self, new: NewRecording) -> Announced:
        """Answer immediately."""
        return Announced(recording_id=new.id, state=State.RECEIVED, call_ref=new.call_ref, created=True)


class NotGranted(Behind):
    """Grants every window without writing it down; what was sent is still written at the end."""

    async def grant(self, grant: Grant) -> bool:  # noqa: ARG002 - the port's signature
        """Answer immediately."""
        return True


class NotLogged(NotGranted):
    """Writes neither grants nor what was sent: no access log at all."""

    async def write(self, function: Callable[[Transaction], T], *, urgent: bool = False) -> T:  # noqa: ARG002 - the port's signature
        """Do nothing: streaming writes nothing else, and does not look at the result."""
        return None  # type: ignore[return-value]

    async def append_soon(self, event: AccessEvent) -> None:
        """Do nothing."""


class _OneByOne(Writer):
    """The vault's writer, but with one write in each transaction."""

    def _next_batch(self) -> list[Job]:
        with self._wake:
            while not (self._waiting or self._urgent or self._closing):
                self._wake.wait()
            queue = self._urgent or self._waiting
            return [queue.popleft()] if queue else []


class OneCommitEach(Behind):
    """Writes announcements as a service without grouping does: a transaction and an fsync for each."""

    def __init__(self, database: SqliteDatabase | PostgresqlDatabase) -> None:
        """On SQLite this has a writer of its own, which holds the lock only while it is asked."""
        super().__init__(database)
        self.writer: Writer | None = None
        if isinstance(database, SqliteDatabase):
            self.writer = _OneByOne(_engine(database.path).connect(), between_groups=lambda: None)

    async def announce(self, new: NewRecording) -> Announced:
        """Write it alone."""
        if self.writer is not None:
            alone: Announced = await self.writer.write(
                lambda tx: announce_one(tx.connection, new), urgent=False
            )
            return alone

        assert isinstance(self.database, PostgresqlDatabase)  # noqa: S101 - the other one has a writer
        (answer,) = await self.database._announce_group([new])  # noqa: SLF001 - a batch of one
        if isinstance(answer, VaultError):
            raise answer
        return answer

    def close(self) -> None:
        """End the writer."""
        if self.writer is not None:
            self.writer.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAtOnce:
    """Takes the place of the service that answers at call start."""

    answer: CallAnswer
    #: What changes metadata: a call without any reads and writes nothing.
    metadata: ChangeMetadata

    async def start(self, _account: str, _facts: CallFacts) -> CallAnswer:
        """Return what was answered once."""
        return self.answer


class _NullWriter:
    """Takes blocks and drops them."""

    def __init__(self) -> None:
        self._size = 0

    async def write(self, block: bytes) -> None:
        self._size += len(block)

    async def finish(self) -> int:
        return self._size

    async def abort(self) -> None:
        return


class NullStore:
    """An object store that keeps nothing."""

    async def create(self, key: str) -> _NullWriter:  # noqa: ARG002 - the port's signature
        """Begin an object that will not be there."""
        return _NullWriter()

    async def put(self, key: str, body: bytes, *, if_absent: bool = False, locked: bool = False) -> bool:
        """Drop it."""
        del key, body, if_absent, locked
        return True

    async def replace(self, key: str, body: bytes, *, first: bool = False) -> None:
        """Drop it."""

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Raise NotFound."""
        raise NotFound(f"Nothing of {key} was kept, [{start}, {end}) neither.")

    async def get(self, key: str) -> bytes:
        """Raise NotFound."""
        raise NotFound(f"Nothing of {key} was kept.")

    async def size(self, key: str) -> int:
        """Raise NotFound."""
        raise NotFound(f"Nothing of {key} was kept.")

    async def list(self, prefix: str, *, after: str = "") -> AsyncIterator[StoredObject]:  # noqa: ARG002 - the port's signature
        """Yield nothing."""
        for nothing in tuple[StoredObject, ...]():
            yield nothing

    async def versions(self, prefix: str, *, after: str = "") -> AsyncIterator[StoredVersion]:  # noqa: ARG002 - the port's signature
        """Yield nothing."""
        for nothing in tuple[StoredVersion, ...]():
            yield nothing

    async def delete_older(self, key: str) -> None:
        """Do nothing."""

    async def delete(self, key: str) -> None:
        """Do nothing."""

    async def abort_uploads(self, prefix: str, *, before: datetime) -> int:  # noqa: ARG002 - the port's signature
        """Do nothing."""
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardBody:
    """Takes the place of the service that receives uploads: reads the body, and answers with a known recording."""

    recording: Recording

    async def store(
        self,
        _account: str,
        _call: str,
        _ref: str,
        blocks: AsyncIterator[bytes],
        *,
        voices: Sequence[str] = (),
        actor: str,
    ) -> tuple[Recording, bool]:
        """Return the recording as if it were new. Neither ``voices`` nor ``actor`` are written down."""
        del voices, actor
        await self._take(blocks)
        return self.recording, True

    async def _take(self, blocks: AsyncIterator[bytes]) -> None:
        async for _ in blocks:
            pass


class _NoSealer:
    """Gives no frames, so that what is left of sealing is its hash, its threads and its pipeline."""

    header = b""

    def update(self, _block: bytes) -> bytes:
        return b""

    def finish(self) -> bytes:
        return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class HashBody(DiscardBody):
    """Hashes the body through the very pipeline that seals it."""

    threads: Threads

    async def _take(self, blocks: AsyncIterator[bytes]) -> None:
        nothing: Any = _NoSealer()
        await _pump(blocks, nothing, _NullWriter(), self.threads, MAX_AUDIO_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepBody(DiscardBody):
    """Writes the body as it is to a durable file of the same object store."""

    objects: ObjectStore

    async def _take(self, blocks: AsyncIterator[bytes]) -> None:
        location = f"recordings/plain/{self.recording.id}.audio"
        writer = await self.objects.create(location)
        async for block in gather(blocks):
            await writer.write(block)
        await writer.finish()
