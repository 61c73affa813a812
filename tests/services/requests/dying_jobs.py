"""A process that runs a job of the rights of people and kills itself at the n-th edge of a call.

``python -m tests.services.requests.dying_jobs FOLDER JOB N OBJECTS_URL [DATABASE_URL]``: an edge is in front of a call
of the database or the object store, or behind it, where its answer is lost. Of S3 every request is a call. Edge 0 is
never reached. The last line printed is their number.
"""

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any

from sqlalchemy import update

from tests.fakes.crm import HOST
from tests.fakes.kept_crm import CRM, KeptNotebook
from tests.fakes.outside import FakeOutside
from tests.fakes.root_key import FakeRootKey
from tests.support.outbox import send_all
from tests.support.retention import SECOND
from tests.support.service_house import vault_on
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.requests import person_requests
from vault.database.stores.outbox import claims
from vault.domain.approvals.approval import ApprovalState
from vault.domain.outbox.attempt import Answer
from vault.errors import Unavailable
from vault.objects.directory import DirectoryStore
from vault.objects.directory_writer import DirectoryWriter
from vault.objects.location import open_store
from vault.objects.s3_client import S3Calls
from vault.services.outbox import send_outbox, send_turn
from vault.services.requests import package_files
from vault.services.service import Vault
from vault.thread_pools import Threads

ROOT_KEY = "root-key.json"
#: The ids of the messages that the receiver took, a line each.
RECEIVED = "received.txt"
#: The events that receivers took, a line of JSON each: url, id, sequence.
DELIVERED = "delivered.txt"
_CALLS = ("write", "read", "fetch", "claim", "scrub")
_OBJECT_CALLS = ("create", "put", "get", "read", "size", "replace", "delete", "delete_older", "abort_uploads")
_LISTS = ("list", "versions")
#: Recordings in a part of an export.
MOST = 2
#: How often a node looks for events to send before it ends, and the seconds between two looks.
_LOOKS, _PAUSE = 10, 0.1
#: How often a job is tried.
_TRIES = 5
#: The number of a node, which its leases have in their tokens.
NODE = "DYING_NODE"
#: The number of the request to a CRM from which edges are counted; not set: all are.
REQUEST = "DYING_REQUEST"
_NO_WAIT = update(person_requests).values(next_try_at=None)


class _Edges:
    """Counts edges, and ends the process at one."""

    def __init__(self, at: int, from_request: int = 0) -> None:
        self.at, self.passed = at, 0
        self._requests_left = from_request

    def begin_request(self) -> None:
        """Count from here, if this is the request from which edges are counted."""
        self._requests_left = max(0, self._requests_left - 1)

    def __call__(self) -> None:
        """Pass an edge."""
        if self._requests_left:
            return
        self.passed += 1
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Return the call with its two edges."""

        @wraps(call)
        async def edged(*given: Any, **named: Any) -> Any:
            self()
            answer = await call(*given, **named)
            self()
            return answer

        return edged

    def at_each(self, call: Callable[..., AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
        """Return a listing with an edge in front of it and behind each of its items."""

        @wraps(call)
        async def edged(*given: Any, **named: Any) -> AsyncIterator[Any]:
            self()
            async for item in call(*given, **named):
                yield item
                self()

        return edged

    def put(self) -> None:
        """Put edges around the calls of every adapter."""
        for owner, names in (
            (SqliteDatabase, _CALLS),
            (PostgresqlDatabase, _CALLS),
            (DirectoryStore, _OBJECT_CALLS),
            (DirectoryWriter, ("write", "finish")),
            (S3Calls, ("run",)),
        ):
            for name in names:
                setattr(owner, name, self.around(getattr(owner, name)))
        for name in _LISTS:
            setattr(DirectoryStore, name, self.at_each(getattr(DirectoryStore, name)))


async def _sweep(vault: Vault) -> None:
    await vault.jobs.retention_sweep()
    while await vault.jobs.remove_erased():
        pass


async def _requests(vault: Vault) -> None:
    for _ in range(5):
        await vault.jobs.execute_requests()
        await vault.jobs.remove_erased()
        await vault.jobs.provider_requests.delete_copy()
        await vault.jobs.log_publisher.sequence()


async def _close_account(vault: Vault) -> None:
    """Export the account in parts of two recordings, erase what it has, and end its keys."""
    package_files.MAX_PART_RECORDINGS = MOST  # type: ignore[misc]
    jobs = vault.jobs
    for _ in range(14):
        await vault.database.write(lambda tx: tx.connection.execute(_NO_WAIT) and None)
        await jobs.execute_requests()
        await jobs.remove_erased()
        await jobs.log_publisher.sequence()
        if await jobs.rewrap.any_due():
            await replace(jobs.rewrap, grace=timedelta())()
            await jobs.write_account_objects()


async def _approve(vault: Vault) -> None:
    """Approve what waits, as a second person, and carry out what an earlier process left."""
    waiting = await vault.database.read(
        lambda tx: tx.approvals.open(limit=100, now=tx.now() + timedelta(days=30))
    )
    for one in waiting:
        if one.state is ApprovalState.PENDING:
            await vault.approvals.approvals.decide(
                one.account_id, one.id, "approve", digest=one.digest, actor=SECOND
            )
    await vault.jobs.settle_approvals()


async def _outbox(vault: Vault) -> None:
    """Move what an older release left, and send to a receiver that outlives the process."""
    await vault.jobs.adopt_deliveries()
    await send_all(vault.jobs.send_outbox)


async def _events(vault: Vault) -> None:
    """Read the log on, and send the events of it, also what another node has under a lease at this moment."""
    # One destination at a time, so that another node has work beside it; no turn is short because the machine is busy.
    send_outbox._BATCH_SIZE = 1  # type: ignore[misc]
    # Less than a lease, or another node would send beside this one.
    send_turn.BEGINS = send_turn.VALID = 15.0  # type: ignore[misc]
    for _ in range(_LOOKS):
        while await vault.jobs.publish_events():
            pass
        await send_all(vault.jobs.send_outbox)
        if (await vault.database.read(lambda tx: tx.outbox.waiting_of("events")))[0] == 0:
            return
        await asyncio.sleep(_PAUSE)


async def _hand_over(vault: Vault) -> None:
    """Read the log on, and bring the CRM to what is desired."""
    send_turn.VALID = 60.0  # type: ignore[misc]
    await vault.database.write(lambda tx: tx.tree.settle())
    await vault.jobs.follow_log.look()
    await vault.jobs.follow_log.queue()
    await send_all(vault.jobs.send_outbox)


JOBS: dict[str, Callable[[Vault], Awaitable[None]]] = {
    "sweep": _sweep,
    "requests": _requests,
    "close account": _close_account,
    "approve": _approve,
    "outbox": _outbox,
    "events": _events,
    "hand over": _hand_over,
}


def keep_root_key(root_key: FakeRootKey, folder: Path) -> None:
    """Write the root key, for a process that opens the same vault."""
    wrapped = [
        [ticket.hex(), secret.hex(), context] for ticket, (secret, context) in root_key.wrapped.items()
    ]
    (folder / ROOT_KEY).write_text(json.dumps(wrapped))


def read_root_key(root_key: FakeRootKey, folder: Path) -> None:
    """Read what was written: a process that died may have wrapped more."""
    for ticket, secret, context in json.loads((folder / ROOT_KEY).read_text()):
        root_key.wrapped[bytes.fromhex(ticket)] = (bytes.fromhex(secret), context)


class _KeptReceiver(FakeOutside):
    """A receiver that outlives the process: what it takes is in a file before it answers."""

    def __init__(self, folder: Path, edges: _Edges) -> None:
        super().__init__()
        self._file, self._delivered, self._edges = folder / RECEIVED, folder / DELIVERED, edges
        self.peers[HOST] = KeptNotebook(folder.parent / CRM, edges)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, hosts: Sequence[str]
    ) -> Answer:
        """Let the CRM answer, which outlives the process as well."""
        self._edges.begin_request()
        return await super().request(method, url, headers, body, hosts)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Take a message."""
        self._edges()
        with self._file.open("a") as file:
            file.write(headers["webhook-id"] + "\n")
        if (sequence := json.loads(body).get("sequence")) is not None:
            line = json.dumps({"url": url, "id": headers["webhook-id"], "sequence": sequence})
            with self._delivered.open("a") as file:
                file.write(line + "\n")
        self._edges()
        return await super().post(url, headers, body)


def keep_receiver(vault: Vault, folder: Path, edges: _Edges) -> None:
    """Put the receiver in the place of the outbox's client."""
    object.__setattr__(vault.jobs.send_outbox, "outside", _KeptReceiver(folder, edges))


class _KeptRootKey(FakeRootKey):
    """A root key that outlives the process, as a key service does: what it wraps is written first."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        read_root_key(self, folder)

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap a key."""
        ticket = await super().wrap(secret, context)
        keep_root_key(self, self.folder)
        return ticket


def main() -> None:
    """Run the job."""
    folder, job, at, url = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    threads, edges = Threads("dying", 2), _Edges(at, int(os.environ.get(REQUEST, "0")))
    claims.new_token = lambda _: f"{os.environ.get(NODE, '')}-{secrets.token_hex(12)}"
    database = PostgresqlDatabase(sys.argv[5]) if len(sys.argv) > 5 else SqliteDatabase(folder / "vault.db")

    async def run() -> None:
        objects = await open_store(url, threads)
        vault = vault_on(folder, threads, database, objects=objects, root_key=_KeptRootKey(folder))
        keep_receiver(vault, folder, edges)
        edges.put()
        for _ in range(_TRIES):
            # On a busy machine the database may not answer in time: a worker tries again.
            with suppress(Unavailable):
                await JOBS[job](vault)
                return
        raise RuntimeError(f"The database did not answer {_TRIES} times.")

    asyncio.run(run())
    database.close()
    threads.close()
    print(edges.passed, flush=True)
    # Daemon threads crashed the end of the interpreter once in some hundred ends (SIGSEGV); that is not tried here.
    os._exit(0)


if __name__ == "__main__":
    main()
