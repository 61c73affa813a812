"""What has changed since a client looked last: recordings by the entries of the access log that say so.

Every change that is more than progress of the work has an entry (``CHANGES``), written in its transaction. An entry
gets its place in the log when all entries before it have theirs, so none ever appears before a place that was read,
whatever the order of the commits: a time, or a number drawn from a sequence, would pass over what commits late.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import LoggedEvent
from vault.domain.recordings.transitions import CHANGES
from vault.errors import Invalid

#: Entries that are read for a page: an account has many that change no recording.
SCANNED: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Recordings that have changed, in the order of their last change."""

    ids: tuple[str, ...]
    #: The place in the log from which to ask again.
    until: int
    #: Whether the account may have more entries from there on already.
    more: bool


def changes_since(tx: Transaction, account_id: str, place: int, *, limit: int) -> Changes:
    """Return at most ``limit`` recordings that have changed from a place on. Raises Invalid beyond the log's end."""
    if place > tx.tree.head().size:
        text = "changed_since is beyond the end of the log: list all recordings again, as after a restore."
        raise Invalid(text, field="changed_since")
    return _changes(tx.events.page(account_id, recording_id=None, start=place, limit=SCANNED), place, limit)


def _changes(logged: Sequence[LoggedEvent], place: int, limit: int) -> Changes:
    ids = dict[str, None]()
    for one in logged:
        recording_id = one.event.recording_id
        if recording_id is None or one.event.type not in CHANGES:
            continue
        if recording_id not in ids and len(ids) == limit:
            return Changes(ids=tuple(ids), until=one.index, more=True)
        # At the end, also if it was there: what is read of it is not older than this entry.
        ids.pop(recording_id, None)
        ids[recording_id] = None
    until = logged[-1].index + 1 if logged else place
    return Changes(ids=tuple(ids), until=until, more=len(logged) == SCANNED)
