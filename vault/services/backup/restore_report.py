"""Report the data that a restore cannot bring back, and start a reconcile of the providers' lists."""

from collections.abc import Mapping, Sequence

from vault.batches import batches
from vault.database.interface import Database
from vault.domain.progress import Report
from vault.services.backup.restore_log import Divergence

#: Events whose content was only in the lost database.
_LOST: Mapping[str, str] = {
    "key.created": "API keys",
    "link.created": "playback links",
    "consent.told": "consent statements of parties",
    "recording.quarantined": "recordings in quarantine",
    "notice.drafted": "drafts of notices",
}

#: Recordings per transaction; a transaction has a few seconds.
_BATCH_SIZE = 500


async def name_what_is_lost(database: Database, divergence: Divergence, report: Report) -> None:
    """Report events of the lost time that left no object; make the providers' lists due for a reconcile."""
    lost = divergence.lost
    if not divergence.size or lost.first_at is None or lost.last_at is None:
        return
    since = lost.first_at
    report.add("providers", await database.write(lambda tx: tx.restore.make_reconciliation_due(since)))
    gone = await _count_gone(database, sorted(lost.available - set(lost.erased)))
    counts = {name: lost.types[kind] for kind, name in _LOST.items()} | {"available recordings": gone}
    words = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    report.notes.append(
        f"The database lacked the events from {since:%Y-%m-%d %H:%M:%S} to {lost.last_at:%H:%M:%S} UTC"
        f"{': ' + words + ' were not restored' if words else ''}. Call starts, facts of calls and webhooks of that "
        "time have no object: the providers' lists are compared now, and your own platforms must send theirs again."
    )


async def _count_gone(database: Database, recording_ids: Sequence[str]) -> int:
    """Return how many of these recordings have no row."""
    gone = 0
    for batch in batches(recording_ids, _BATCH_SIZE):
        existing = await database.read(lambda tx, batch=batch: tx.recordings.existing(batch))  # type: ignore[misc]
        gone += len(batch) - len(existing)
    return gone
