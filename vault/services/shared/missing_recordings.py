"""Calls that ended and have no recording: announced ones never came, or the platform made none."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from vault.database.transaction import Transaction

#: A recording that has not come so long after the end of its call is missing: platforms announce within minutes, and
#: reconciliation compares their lists every quarter of an hour.
OVERDUE_AFTER: Final = timedelta(hours=1)
#: How far back calls are listed, and how many reports of an end are looked at.
LISTED_FOR: Final = timedelta(days=14)
MOST_ENDED: Final = 1000


def calls_without_recording(tx: Transaction, account_id: str, now: datetime) -> Sequence[str]:
    """Return the names of the calls that ended in time and have no recording, the last one first.

    Some of them were not answered or may not be recorded: only their facts, which are sealed, say so.
    """
    return tx.call_facts.without_recording(
        account_id, now - LISTED_FOR, now - OVERDUE_AFTER, among=MOST_ENDED
    )
