"""Compare the database's rows with the object store and report the differences.

It is read-only, and works in parts, so that its caller can keep the position and continue there. The vault may run
meanwhile: every difference is checked again with the current row, so a recording that was erased or rewritten in
between is not reported.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal

from vault.batches import batches
from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.progress import ProgressCallback, no_progress
from vault.domain.recordings.recording import Recording, State
from vault.errors import Invalid
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore, StoredVersion
from vault.services.audit_log.published_tiles import PublishedLog
from vault.services.audit_log.store_loss import rewrite_of
from vault.services.backup.fsck_account import CompareAccount
from vault.services.backup.fsck_log import CompareLog
from vault.services.backup.fsck_objects import CompareObjects
from vault.services.backup.fsck_recording import CompareRecording
from vault.services.shared.clock_skew import earlier
from vault.services.shared.gather_all import gathered

#: Maximum findings in one response.
MAX_FINDINGS: Final = 10_000
#: Objects and unfinished work younger than this may not have their row yet.
GRACE: Final = timedelta(hours=24)
#: Recordings or objects of one part, and those compared concurrently.
_PART: Final = 2000
_CONCURRENCY: Final = 8
#: Retries of a recording's comparison while its row keeps changing.
_TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FsckPlace:
    """The position of a comparison that can be continued."""

    stage: Literal["recordings", "accounts", "log", "objects", "done"] = "recordings"
    #: The last recording's id or object's key that was compared in this stage.
    after: str = ""
    #: Recordings or objects compared in this stage, and how many recordings there were when it began.
    done: int = 0
    total: int = 0


@dataclass(slots=True)
class FsckResult:
    """The result of a comparison, or of a part of one."""

    recordings: int = 0
    #: Of these, decrypted from the first frame to the last.
    opened: int = 0
    objects: int = 0
    #: One sentence each, beginning with the recording's id or the object's key.
    findings: list[str] = field(default_factory=list)
    #: Where to continue.
    place: FsckPlace = FsckPlace()


@dataclass(slots=True, kw_only=True)
class RateLimiter:
    """Allow ``rate`` operations per second; 0 means no limit."""

    rate: float
    _next: float = 0.0

    async def pause(self) -> None:
        """Wait until the next operation may begin."""
        if not self.rate:
            return
        now = asyncio.get_running_loop().time()
        at = max(now, self._next)
        self._next = at + 1 / self.rate
        await asyncio.sleep(at - now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fsck:
    """Compare recordings, accounts and the log with their objects, and every object with its row."""

    database: Database
    objects: ObjectStore
    ring: KeyRing
    published_log: PublishedLog
    clock: Clock
    grace: timedelta = GRACE

    async def __call__(
        self, *, sample: int, rate: float, progress: ProgressCallback = no_progress
    ) -> FsckResult:
        """Run the whole comparison; see ``part``."""
        whole = FsckResult()
        while whole.place.stage != "done":
            part = await self.part(whole.place, sample=sample, rate=rate, progress=progress)
            whole.recordings += part.recordings
            whole.opened += part.opened
            whole.objects += part.objects
            whole.findings += part.findings
            whole.place = part.place
        left_out = len(whole.findings) - MAX_FINDINGS
        if left_out > 0:
            whole.findings[MAX_FINDINGS:] = [f"{left_out} more findings are left out."]
        return whole

    async def part(
        self, place: FsckPlace, *, sample: int, rate: float, progress: ProgressCallback = no_progress
    ) -> FsckResult:
        """Compare some recordings or objects from ``place`` on; the result has the place after them.

        ``rate`` is the limit in recordings or objects per second, 0 for no limit. ``sample`` of all recordings, evenly
        spread, are decrypted completely. Raises Invalid, Unavailable.
        """
        if sample < 0 or rate < 0:
            raise Invalid("sample and rate must be at least 0.")
        pacer, checked = RateLimiter(rate=rate), FsckResult()
        if place.stage == "recordings":
            checked.place = await self._recordings(checked, place, sample, pacer, progress)
        elif place.stage == "accounts":
            await self._accounts(checked, pacer)
            checked.place = FsckPlace(stage="log")
        elif place.stage == "log":
            await self._log(checked, pacer)
            checked.place = FsckPlace(stage="objects")
        elif place.stage == "objects":
            checked.place = await self._objects(checked, place, pacer, progress)
        else:
            checked.place = place
        return checked

    async def _recordings(
        self,
        checked: FsckResult,
        place: FsckPlace,
        sample: int,
        pacer: RateLimiter,
        progress: ProgressCallback,
    ) -> FsckPlace:
        compare = CompareRecording(database=self.database, objects=self.objects, ring=self.ring)
        total = place.total or await self.database.read(lambda tx: tx.inventory.count_available())
        of = max(total, sample, 1)
        page = await self.database.read(lambda tx: tx.inventory.available(after=place.after, limit=_PART))
        for batch in batches(list(enumerate(page, place.done)), _CONCURRENCY):
            # True for ``sample`` of all numbers, evenly spread.
            whole = [number * sample // of != (number + 1) * sample // of for number, _ in batch]
            work = [
                self._recording(compare, recording, pacer, whole=opened)
                for (_, recording), opened in zip(batch, whole, strict=True)
            ]
            for findings in await gathered(work):
                checked.findings += findings
                checked.recordings += 1
                await progress("recordings", place.done + checked.recordings, total)
            checked.opened += sum(whole)
        if len(page) < _PART:
            return FsckPlace(stage="accounts")
        return FsckPlace(after=page[-1].id, done=place.done + len(page), total=total)

    async def _recording(
        self, compare: CompareRecording, recording: Recording, pacer: RateLimiter, *, whole: bool
    ) -> Sequence[str]:
        await pacer.pause()
        if await compare.findings(recording, whole=whole):
            return await self._confirmed(compare, recording, whole=whole)
        return ()

    async def _confirmed(
        self, compare: CompareRecording, recording: Recording, *, whole: bool
    ) -> Sequence[str]:
        """Compare again with the current row; no findings if it is no longer available, or keeps changing.

        A manifest that is due differs from its row legitimately. Then only the manifest is skipped; the audio is
        still compared and decrypted.
        """
        current = await self._current(recording)
        for _ in range(_TRIES):
            now, manifest_due = current
            if now is None:
                break
            findings = await compare.findings(now, whole=whole, manifest=not manifest_due)
            before, current = current, await self._current(recording)
            if current == before:
                return findings
        return ()

    async def _current(self, recording: Recording) -> tuple[Recording | None, bool]:
        """Return the current row (None if it is no longer available), and whether its manifest is due."""

        def read(tx: Transaction) -> tuple[Recording | None, bool]:
            now = tx.recordings.by_id(recording.id)
            available = now is not None and now.state is State.AVAILABLE
            return now if available else None, tx.inventory.manifest_due(recording.id)

        return await self.database.read(read)

    async def _accounts(self, checked: FsckResult, pacer: RateLimiter) -> None:
        compare = CompareAccount(database=self.database, objects=self.objects, ring=self.ring)
        async for account_id in compare.accounts():
            await pacer.pause()
            checked.findings += await compare.findings(account_id)

    async def _log(self, checked: FsckResult, pacer: RateLimiter) -> None:
        if await self.database.read(rewrite_of) is not None:
            checked.findings.append(
                "log/: the object store lost data, and the database is being written there again."
            )
        compare = CompareLog(database=self.database, objects=self.objects, published_log=self.published_log)
        async for finding in compare.findings():
            await pacer.pause()
            checked.findings += [] if finding is None else [finding]

    async def _objects(
        self, checked: FsckResult, place: FsckPlace, pacer: RateLimiter, progress: ProgressCallback
    ) -> FsckPlace:
        before = await self.database.read(lambda tx: earlier(tx, self.clock())) - self.grace
        compare = CompareObjects(database=self.database, objects=self.objects, before=before)
        batch: list[Sequence[StoredVersion]] = []
        after = place.after

        async def flush() -> None:
            for findings in await gathered([self._object(compare, each, pacer) for each in batch]):
                checked.findings += findings
                checked.objects += 1
                await progress("objects", place.done + checked.objects, 0)
            batch.clear()

        async for versions in compare.keys(after):
            batch.append(versions)
            after = versions[0].key
            if len(batch) == _CONCURRENCY:
                await flush()
            if checked.objects >= _PART:
                return FsckPlace(stage="objects", after=after, done=place.done + checked.objects)
        await flush()
        return FsckPlace(stage="done")

    async def _object(
        self, compare: CompareObjects, versions: Sequence[StoredVersion], pacer: RateLimiter
    ) -> Sequence[str]:
        await pacer.pause()
        if await compare.findings(versions):
            # The listing is some seconds old: check again whether the object was erased since.
            return await compare.findings_now(versions[0].key)
        return ()
