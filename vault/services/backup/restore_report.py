"""What a restore cannot bring back: it is counted and named, and the providers are asked for it."""

from collections.abc import Mapping, Sequence

from vault.domain.progress import Report
from vault.ports.database import Database
from vault.services.backup.restore_log import Divergence

#: Events whose content stood in the lost database alone.
_LOST: Mapping[str, str] = {
    "key.created": "API keys",
    "link.created": "playback links",
    "consent.told": "statements of what parties were told or answered",
    "recording.quarantined": "recordings in quarantine",
    "notice.drafted": "drafts of notices",
}

#: Recordings that are looked for in one transaction, which has a few seconds.
_BATCH_SIZE = 500


async def name_what_is_lost(database: Database, parted: Divergence, report: Report) -> None:
    """Count and name what happened in the lost time and left no object; let the providers' lists be compared."""
    lost = parted.lost
    if not parted.size or lost.first_at is None or lost.last_at is None:
        return
    since = lost.first_at
    report.add("providers", await database.write(lambda tx: tx.restored.ask_providers(since)))
    gone = await _count_gone(database, sorted(lost.available - set(lost.erased)))
    counts = {words: lost.types[kind] for kind, words in _LOST.items()} | {"available recordings": gone}
    words = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    report.notes.append(
        f"The database lacked what happened from {since:%Y-%m-%d %H:%M:%S} to {lost.last_at:%H:%M:%S} UTC"
        f"{': ' + words + ' did not come back' if words else ''}. Call starts, facts of calls and webhooks of that "
        "time have no object: the providers' lists are compared now, and platforms of your own send theirs again."
    )


async def _count_gone(database: Database, recording_ids: Sequence[str]) -> int:
    """Return how many of these recordings have no row."""
    gone = 0
    for start in range(0, len(recording_ids), _BATCH_SIZE):
        some = recording_ids[start : start + _BATCH_SIZE]
        there = await database.read(lambda tx, some=some: tx.recordings.existing(some))  # type: ignore[misc]
        gone += len(some) - len(there)
    return gone
