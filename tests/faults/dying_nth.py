"""The service, which dies at the n-th edge of its work on recordings, where a file beside its data names n.

An edge is in front of a call of the database, the object store or a media host, behind it, where its answer is lost,
and inside a transaction that has written and has not committed. What counts is the work on webhooks, uploads, retries
and fetches; nobody has to name its steps, so a new step is an edge as soon as it is there.
"""

import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any

from vault.cli.main import main
from vault.database.engines.postgresql import PostgresqlRows
from vault.database.engines.sqlite import SqliteDatabase
from vault.objects.directory import DirectoryStore
from vault.objects.directory_writer import DirectoryWriter
from vault.services.ingest.describe_and_admit import Describe
from vault.services.ingest.fetch_recording import Ingest
from vault.services.ingest.receive_webhook import Webhooks
from vault.services.ingest.retry_recording import RetryRecording
from vault.services.ingest.upload import Uploads
from vault.telephony.http.client import GuardedHttp

#: In the data directory: the number of the edge with a name for this arming, where it died, how many edges it passed.
WANTED, REACHED, PASSED = "die-at-edge", "died-at-edge", "passed-edges"
_WORK = (
    (Webhooks, "receive"),
    (Uploads, "store"),
    (RetryRecording, "__call__"),
    (Ingest, "_process"),
    (Describe, "_through_the_gate"),
)
_DATABASE_CALLS = ("read", "add_fact", "announce", "first_manifest_written")
_OBJECT_CALLS = ((DirectoryStore, ("create", "put", "read", "size")), (DirectoryWriter, ("write", "finish")))
_COUNTS: ContextVar[bool] = ContextVar("counts", default=False)


class _Edges:
    """Counts edges since it was armed, and ends the process at one."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.armed, self.passed = folder, "", 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """Pass an edge."""
        with self._lock:
            try:
                wanted = (self.folder / WANTED).read_text()
            except FileNotFoundError:
                return
            if wanted != self.armed:
                self.armed, self.passed = wanted, 0
            self.passed += 1
            (self.folder / PASSED).write_text(str(self.passed))
            if self.passed == int(wanted.split()[0]):
                (self.folder / WANTED).rename(self.folder / REACHED)
                os.kill(os.getpid(), signal.SIGKILL)

    def here(self) -> None:
        """Pass an edge, if this is work on a recording."""
        if _COUNTS.get():
            self()

    def around(self, owner: Any, name: str) -> None:
        """Give a call its two edges."""
        call: Callable[..., Awaitable[Any]] = getattr(owner, name)

        @wraps(call)
        async def edged(*given: Any, **named: Any) -> Any:
            self.here()
            answer = await call(*given, **named)
            self.here()
            return answer

        setattr(owner, name, edged)

    def inside(self, owner: Any) -> None:
        """Give a transaction three edges: the second one is between its writes and its commit."""
        write: Callable[..., Awaitable[Any]] = owner.write

        @wraps(write)
        async def edged(database: Any, function: Callable[[Any], Any], **named: Any) -> Any:
            if not _COUNTS.get():
                return await write(database, function, **named)

            def written(transaction: Any) -> Any:
                result = function(transaction)
                self()
                return result

            self()
            answer = await write(database, written, **named)
            self()
            return answer

        owner.write = edged

    def at_each_hop(self) -> None:
        """Give every request to a media host its edges: the first one, and each redirect."""
        opened = GuardedHttp.open

        @asynccontextmanager
        async def edged(*given: Any, **named: Any) -> AsyncIterator[Any]:
            self.here()
            async with opened(*given, **named) as response:
                self.here()
                yield response

        GuardedHttp.open = edged  # type: ignore[method-assign]

    def behind_claims(self, owner: Any) -> None:
        """Give a claim that found something an edge behind it; those that find nothing are no work."""
        claim: Callable[..., Awaitable[Any]] = owner.claim

        @wraps(claim)
        async def edged(*given: Any, **named: Any) -> Any:
            found = await claim(*given, **named)
            if found is not None:
                self()
            return found

        owner.claim = edged


def _count(owner: Any, name: str) -> None:
    """Let the edges count that are passed in this call, and in what it starts."""
    work: Callable[..., Awaitable[Any]] = getattr(owner, name)

    @wraps(work)
    async def counted(*given: Any, **named: Any) -> Any:
        token = _COUNTS.set(True)
        try:
            return await work(*given, **named)
        finally:
            _COUNTS.reset(token)

    setattr(owner, name, counted)


def prepare() -> None:
    """Put the edges around everything."""
    edges = _Edges(Path(os.environ["VAULT_DATA_DIR"]))
    for owner in (SqliteDatabase, PostgresqlRows):
        for name in _DATABASE_CALLS:
            edges.around(owner, name)
        edges.inside(owner)
        edges.behind_claims(owner)
    for store, names in _OBJECT_CALLS:
        for name in names:
            edges.around(store, name)
    edges.at_each_hop()
    for work, name in _WORK:
        _count(work, name)


if __name__ == "__main__":
    prepare()
    main()
