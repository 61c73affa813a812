"""A vault that can die at any moment: its store and its hosts fail, its workers and its process die."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from tests.fakes.fetcher import Media
from tests.faults.model import Known, Model
from tests.support.rotation import versions
from tests.support.service_house import LONG_AGO, House, blocks_of, new_house, reopened
from tests.support.tenant import moment
from vault.database.schema.core import recordings
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import State
from vault.domain.stored.manifest import location_of
from vault.errors import FetchFailed, NotFound, RecordingErased, Refused, Unavailable, VaultError
from vault.services.closing_acts.journal import NOT_STORED
from vault.services.consent.consent_records import ConsentRequest
from vault.thread_pools import Threads

#: The worker's verbs, and the states in which they find something to do.
WORK = {
    "ingest": {State.RECEIVED, State.TRANSFERRING, State.RETRY_WAIT},
    "describe": {State.STORED},
    "write_manifests": {State.AVAILABLE},
    "remove_erased": {State.ERASING},
}
#: How a host of media fails.
HOSTS_FAIL = {
    "is broken": {"refuse": FetchFailed("The host answered 503.")},
    "breaks off": {"fail_at": 1000},
    "has lost it": {"refuse": FetchFailed("The host answered 410.", final=True)},
}


@contextmanager
def done_all_the_same() -> Iterator[None]:
    """A closing act is committed although the store fails: the caller gets 503 and is asked to repeat."""
    try:
        yield
    except Unavailable as error:
        if str(error) != NOT_STORED:
            raise


class MortalHouse:
    """A house of verbs in a folder of its own: its store fails, its workers and its process die."""

    def __init__(self) -> None:
        """Open it."""
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="model")
        self.threads = Threads("model", 2)
        self.stack = AsyncExitStack()
        self._moments: dict[str, datetime] = {}
        opening = new_house(Path(self.folder.name), self.threads)
        self.house: House = self.do(self.stack.enter_async_context(opening))

    def do(self, work: Awaitable[Any]) -> Any:
        """Run to the end."""

        async def run() -> Any:
            return await work

        return self.runner.run(run())

    def die(self, verb: Callable[[], Awaitable[Any]], ticks: int) -> None:
        """Begin a verb and end it in the middle: after so many turns of the loop nobody goes on with it."""

        async def begin() -> None:
            task = asyncio.ensure_future(verb())
            for _ in range(ticks):
                await asyncio.sleep(0.0005)
            task.cancel()
            with suppress(asyncio.CancelledError, VaultError):
                await task

        self.do(begin())

    def amid(
        self, verb: Callable[[], Awaitable[Any]], ticks: int, deed: Callable[[], Awaitable[Any]]
    ) -> None:
        """Begin a verb, do something else when it is in the middle, with its lease run out, and let it go on."""

        async def begin() -> None:
            slow = asyncio.ensure_future(verb())
            for _ in range(ticks):
                await asyncio.sleep(0.0005)
            await self._expire()
            with suppress(Refused, RecordingErased):
                await deed()
            with suppress(Unavailable):
                await slow

        self.do(begin())

    def restart(self) -> None:
        """Close the database under everything, and open it again."""
        self.house = reopened(self.house, Path(self.folder.name), self.threads)

    def fail(self, fault: tuple[int, str] | None) -> None:
        """Let one of the next calls of the object store fail, or none of them."""
        self.house.objects._failing.clear()
        if fault is not None:
            self.house.objects.fail(at=fault[0], when=fault[1])

    def hurry(self) -> None:
        """Let every lease run out, and every time come."""
        self.do(self._expire())

    async def _expire(self) -> None:
        expired = update(recordings).values(not_before=LONG_AGO, lease_until=LONG_AGO)
        await self.house.database.write(lambda tx: tx.connection.execute(expired) and None)

    def useful(self, model: Model, choice: int) -> str:
        """Return a piece of work that there is something to do for, if there is one.

        How far work came depends on time, so what is drawn must not depend on it: a number, and no name.
        """
        states = set(self.states(model).values())
        useful = [name for name in WORK if states & WORK[name]] or [*WORK]
        useful += ["rewrap"] * self.rotating()
        return useful[choice % len(useful)]

    def verb(self, name: str) -> Callable[[], Awaitable[Any]]:
        """Return a piece of the worker's work."""
        return self._rewrap if name == "rewrap" else getattr(self.house.vault.jobs, name)

    def step(self, name: str) -> None:
        """Do one piece of the worker's work; it goes on after an outage, as the worker does."""
        with suppress(Unavailable):
            self.do(self.verb(name)())

    async def _rewrap(self) -> None:
        """Wrap again the keys under an old version of the account's key, without the pause before its end."""
        await replace(self.house.vault.jobs.rewrap, grace=timedelta())()
        await self.house.vault.jobs.write_manifests()
        await self.house.vault.jobs.write_account_objects()

    def fetch_failing(self, how: str) -> None:
        """Try once to fetch, while every host of media fails in one of the ways of HOSTS_FAIL."""
        healthy = self.house.fetcher.media
        self.house.fetcher.media = {
            url: Media(body=media.body, **HOSTS_FAIL[how]) for url, media in healthy.items()
        }
        self.step("ingest")
        self.house.fetcher.media = healthy

    def announce(self, ref: str, call: str, body: bytes) -> str:
        """Announce a recording of a call; return its id."""
        now = moment(self._moment_of(call))
        url = f"https://media.example/{ref}.wav"
        receipt = self.do(
            self.house.announce(ref, body=body, url=url, call_ref=call, started_at=now, ended_at=now)
        )
        assert receipt.recording_id is not None
        return receipt.recording_id

    def upload(self, ref: str, call: str, body: bytes) -> str:
        """Send a recording of a call; return its id. Raises what the verb raises."""
        now = self._moment_of(call)
        account = self.house.account.id
        self.do(
            self.house.vault.recordings.calls.start(
                account, CallFacts(call_ref=call, started_at=now, ended_at=now)
            )
        )
        row, _ = self.do(
            self.house.vault.ingest.uploads.store(account, call, ref, blocks_of(body), actor="key_test")
        )
        return row.id

    def _moment_of(self, call: str) -> datetime:
        """Return when a call was, which is when anything was reported about it first, and never another moment."""
        if call not in self._moments:
            # What is told in milliseconds must not lie before the last change of the switch.
            time.sleep(0.002)
            self._moments[call] = datetime.now(UTC)
        return self._moments[call]

    def decline(self, call: str) -> None:
        """Let the caller say no."""
        wish = ConsentRequest(party="caller", answer="declined", method="key", at=datetime.now(UTC))
        self.do(self.house.vault.consent.records.report(self.house.account.id, call, wish, actor="key_test"))

    async def switch(self, *, enabled: bool) -> None:
        """Set the switch."""
        change = self.house.vault.accounts.switch.set
        await change(self.house.account.id, enabled=enabled, reason=None, actor="key_test")

    async def erase(self, known: Known) -> None:
        """Erase a recording."""
        await self.house.vault.recordings.recordings.erase(self.house.account.id, known.id, actor="key_test")

    async def restrict(self, known: Known, *, restricted: bool) -> None:
        """Let an admin keep a recording from being heard, or lift that."""
        change = self.house.vault.recordings.recordings.restrict
        await change(self.house.account.id, known.id, restricted=restricted, reason=None, actor="key_test")

    async def rotate(self) -> int:
        """Begin a rotation of the account's key; return the version that seals now. Raises Refused."""
        progress = await self.house.vault.key_rotation.rotations.begin(
            self.house.account.id, actor="key_test"
        )
        return progress.current

    def rotating(self) -> bool:
        """Say whether an old version is on its way out."""
        return bool(self.do(self.house.vault.jobs.rewrap.any_due()))

    def versions(self) -> set[int]:
        """Return under which versions of the account's key anything lies."""
        return set().union(*self.do(versions(self.house)).values())

    def sweep(self) -> None:
        """Sweep a day later."""
        self.do(self.house.sweep())

    def keys_gone(self, known: Known) -> bool:
        """Say whether nothing is left that opens a recording."""
        return self.do(self.house.keys_gone(known.id))

    def kept_objects(self) -> set[str]:
        """Return what the store holds of recordings, unfinished uploads among it."""
        kept = {*self.house.objects.objects, *(key for key, _ in self.house.objects.uploads.values())}
        return {key for key in kept if key.startswith(("recordings/", "manifests/"))}

    def named_objects(self, model: Model) -> set[str]:
        """Return what the store should hold: the audio of what has some, and a manifest of what is available."""
        named: set[str] = set()
        for known in model.known.values():
            row = self.do(self.house.row(known.id))
            if row.audio is not None and row.state in {State.STORED, State.AVAILABLE}:
                named.add(row.audio.location)
            if row.state is State.AVAILABLE:
                named.add(location_of(row.account_id, row.id))
        return named

    def states(self, model: Model) -> dict[str, State]:
        """Return how each known recording stands, by its reference."""
        return {ref: self.do(self.house.state(known.id)) for ref, known in model.known.items()}

    def id_of(self, ref: str) -> str | None:
        """Return the id of the row with this reference, of which there is one at most."""
        wanted = select(recordings.c.id).where(recordings.c.recording_ref == ref)
        found = self.do(self.house.database.read(lambda tx: tx.connection.execute(wanted).scalars().all()))
        assert len(found) <= 1
        return found[0] if found else None

    def heard(self, known: Known) -> bytes | None:
        """Return what a listener gets; None where there is nothing to hear."""
        try:
            return self.do(self.house.heard(known.id))
        except NotFound:
            return None

    def leaves(self) -> tuple[list[bytes], bytes]:
        """Return the leaves of the log, and the root of its tree."""

        def read(tx: Any) -> tuple[list[bytes], bytes]:
            head = tx.tree.head()
            return [one.leaf for one in tx.tree.leaves(0, head.size)], head.root

        return self.do(self.house.database.read(read))

    def close(self) -> None:
        """Close it, and remove its folder."""
        self.house.database.close()
        self.threads.close()
        self.runner.close()
        self.folder.cleanup()
