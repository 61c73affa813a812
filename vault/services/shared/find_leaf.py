"""Find the leaf of an event in the log by what it says and by when it was written."""

from datetime import datetime, timedelta
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.audit_log.event_types.table import EventType

#: Events are in the tree nearly in the order of their times: nodes and transactions differ by less.
_TOLERANCE: Final = timedelta(minutes=5)
_BATCH_SIZE: Final = 200
#: Max events that are read around the time.
_MAX_READ: Final = 2000


def find_leaf(tx: Transaction, account_id: str, kind: EventType, result: str, at: datetime) -> int | None:
    """Return the index of an account's event; None if it is not in the tree yet, or not near that time.

    Costs a search by halves, of some twenty small reads, and at most ten pages of events.
    """
    start, read = _first_from(tx, account_id, at - _TOLERANCE), 0
    while read < _MAX_READ:
        page = tx.events.page(account_id, recording_id=None, start=start, limit=_BATCH_SIZE)
        for logged in page:
            if logged.event.at > at + _TOLERANCE:
                return None
            if logged.event.type == kind and logged.event.result == result:
                return logged.index
        if len(page) < _BATCH_SIZE:
            return None
        start, read = page[-1].index + 1, read + len(page)
    return None


def _first_from(tx: Transaction, account_id: str, since: datetime) -> int:
    """Return an index from which on the account's events are not older than ``since``, but for a few."""
    low, high = 0, tx.tree.head().size
    while low < high:
        middle = (low + high) // 2
        following = tx.events.page(account_id, recording_id=None, start=middle, limit=1)
        if not following or following[0].index >= high or following[0].event.at >= since:
            high = middle
        else:
            low = following[0].index + 1
    return low
