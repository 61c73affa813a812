"""What a restore must read: everything for an empty database, otherwise what the lost part of the log names."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from vault.batches import batches
from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.recordings.recording import Recording
from vault.domain.stored.account_object_name import ObjectName, by_account
from vault.domain.stored.closing_acts import closing_of, location_of

#: Recordings that a scope names at most. Beyond that, reading every manifest is simpler and hardly slower.
MAX_RECORDINGS: Final = 100_000
#: Event types of listeners, which change neither the recording nor an object of it.
LISTENING: Final = ("playback.", "download.", "waveform.", "link.", "evidence.")
#: Events that leave a tombstone.
_ENDS: Final = frozenset({"recording.refused", "recording.failed", "recording.erasing", "recording.erased"})
#: Events of a rotation, which changes manifests without an event for each.
_ROTATION: Final = frozenset({"key.rotated", "key.rewrapped", "key.destroyed"})
#: Accounts per transaction.
_BATCH_SIZE: Final = 500
_RECORDINGS = 500


@dataclass(slots=True)
class Scope:
    """The subjects of the anchored events that the database lacks, and of the missing closing acts."""

    #: The time of the last events that the database has: what it lacks was written to the object store later.
    since: datetime
    #: Accounts with any event but a listener's.
    accounts: set[str] = field(default_factory=set)
    #: The account of each recording.
    recordings: dict[str, str] = field(default_factory=dict)
    #: Accounts with a recording that was refused, failed or erased, so that its tombstone is new.
    ended: set[str] = field(default_factory=set)
    #: Accounts whose key was rotated, with the versions that were destroyed.
    rotated: dict[str, set[int]] = field(default_factory=dict)
    #: Keys that permanent objects of closing acts may have.
    kept: list[str] = field(default_factory=list)

    @property
    def too_large(self) -> bool:
        """Return whether more changed than a scope is for."""
        return len(self.recordings) > MAX_RECORDINGS

    def take(self, event: AccessEvent) -> None:
        """Add the subjects of an event: an anchored one, or that of a closing act, which the log may lack."""
        account_id = event.account_id
        if account_id is None or event.type.startswith(LISTENING) or self.too_large:
            return
        self.accounts.add(account_id)
        if event.recording_id is not None:
            self.recordings[event.recording_id] = account_id
        if event.type in _ENDS:
            self.ended.add(account_id)
        if event.type in _ROTATION:
            versions = self.rotated.setdefault(account_id, set())
            version = (event.result or "").removeprefix("v")
            versions |= {int(version)} if event.type == "key.destroyed" and version.isdecimal() else set()
        closing = closing_of(event)
        if closing is not None and closing.until == "always":
            self.kept.append(location_of(account_id, event.id, permanent=True))


async def changed_names(database: Database, names: Sequence[ObjectName]) -> list[ObjectName]:
    """Return the objects of accounts whose objects in the store are not just the one that the database wrote last.

    One statement per 500 accounts, and no reading of the log: only the database's own node writes an object with the
    revision that it has noted as written, unless the histories have forked; then the account has two objects, or
    one with a larger log than the database.
    """
    groups = by_account(names)
    found: list[ObjectName] = []
    ids = sorted(groups)
    for batch in batches(ids, _BATCH_SIZE):
        size, written = await database.read(lambda tx, batch=batch: _written(tx, batch))  # type: ignore[misc]
        for account_id in batch:
            [first, *others] = groups[account_id]
            same = first.revision == written.get(account_id) and (first.size or 0) <= size
            if others or not same:
                found += groups[account_id]
    return found


def _written(tx: Transaction, account_ids: Sequence[str]) -> tuple[int, Mapping[str, int]]:
    return tx.tree.head().size, tx.account_objects.written_revisions(account_ids)


async def available_recordings(database: Database) -> AsyncIterator[Recording]:
    """Yield available recordings ordered by id, each as it was when its batch was read."""
    after = ""
    while page := await database.read(
        lambda tx, after=after: tx.inventory.available(after=after, limit=_RECORDINGS)  # type: ignore[misc]
    ):
        after = page[-1].id
        for recording in page:
            yield recording
