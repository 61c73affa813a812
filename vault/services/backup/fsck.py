"""Compare the database's rows with the object store and report the differences.

It is read-only. The vault may run meanwhile: every difference is checked again with the current row, so a
recording that was erased or rewritten in between is not reported.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.progress import ProgressCallback, no_progress
from vault.domain.recordings.recording import Recording, State
from vault.errors import Invalid
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.services.audit_log.published_tiles import PublishedLog
from vault.services.audit_log.store_loss import rewrite_of
from vault.services.backup.fsck_account import CompareAccount
from vault.services.backup.fsck_log import CompareLog
from vault.services.backup.fsck_objects import CompareObjects
from vault.services.backup.fsck_recording import CompareRecording
from vault.services.shared.clock_skew import earlier
from vault.services.shared.iter_recordings import available_recordings
from vault.services.shared.rate_limit import RateLimiter

#: Maximum findings in one response.
MAX_FINDINGS: Final = 10_000
#: Objects and unfinished work younger than this may not have their row yet.
GRACE: Final = timedelta(hours=24)
#: Retries of a recording's comparison while its row keeps changing.
_TRIES: Final = 3


@dataclass(slots=True)
class FsckResult:
    """The result of a comparison."""

    recordings: int = 0
    #: Of these, decrypted from the first frame to the last.
    opened: int = 0
    objects: int = 0
    #: One sentence each, beginning with the recording's id or the object's key.
    findings: list[str] = field(default_factory=list)


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
        """Run the comparison; ``rate`` is the limit in recordings or objects per second, 0 for no limit.

        ``sample`` recordings, evenly spread, are decrypted completely. Raises Invalid, Unavailable.
        """
        if sample < 0 or rate < 0:
            raise Invalid("sample and rate must be at least 0.")
        pacer, checked = RateLimiter(rate=rate), FsckResult()
        await self._recordings(checked, sample, pacer, progress)
        await self._accounts(checked, pacer)
        await self._log(checked, pacer)
        await self._objects(checked, pacer, progress)
        left_out = len(checked.findings) - MAX_FINDINGS
        if left_out > 0:
            checked.findings[MAX_FINDINGS:] = [f"{left_out} more findings are left out."]
        return checked

    async def _recordings(
        self, checked: FsckResult, sample: int, pacer: RateLimiter, progress: ProgressCallback
    ) -> None:
        compare = CompareRecording(database=self.database, objects=self.objects, ring=self.ring)
        total = await self.database.read(lambda tx: tx.inventory.count_available())
        of = max(total, sample, 1)
        async for recording in available_recordings(self.database):
            await pacer.pause()
            number = checked.recordings
            checked.recordings += 1
            # True for ``sample`` of all numbers, evenly spread.
            whole = number * sample // of != (number + 1) * sample // of
            findings = await compare.findings(recording, whole=whole)
            if findings:
                checked.findings += await self._confirmed(compare, recording, whole=whole)
            checked.opened += whole
            await progress("recordings", checked.recordings, total)

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

    async def _objects(self, checked: FsckResult, pacer: RateLimiter, progress: ProgressCallback) -> None:
        before = await self.database.read(lambda tx: earlier(tx, self.clock())) - self.grace
        compare = CompareObjects(database=self.database, objects=self.objects, before=before)
        async for versions in compare.keys():
            await pacer.pause()
            checked.objects += 1
            findings = await compare.findings(versions)
            if findings:
                # The listing is some seconds old: check again whether the object was erased since.
                findings = await compare.findings_now(versions[0].key)
            checked.findings += findings
            await progress("objects", checked.objects, 0)
