"""Clock skew between the node and the database.

A time limit starts by the database's clock, which all nodes share, and ends as soon as either clock says so. So a
node whose clock is slow neither plays nor creates anything expired, and a node whose clock is fast creates nothing
that lasts too long.
"""

from datetime import datetime, timedelta
from typing import Final

from vault.database.transaction import Transaction
from vault.rfc3339 import parse_rfc3339

#: In the vault's metadata: when the retention sweep ran last, by clocks that agreed. It runs every hour.
LAST_SWEEP: Final = "retention_last_run"
#: Max time between two sweeps that is believed without a clock that agrees.
LONGEST_PAUSE: Final = timedelta(hours=26)


def earlier(tx: Transaction, now: datetime) -> datetime:
    """Return the earlier time, which decides whether something is old enough to be deleted."""
    return min(now, tx.now())


def checked_now(tx: Transaction) -> datetime:
    """Return the database's time, but no later than a day and two hours after the last sweep.

    A hold or a minimum ends by it: a database whose clock jumped ahead by years would end all of them. If no
    sweep runs, they end later, which only keeps what could have left. Before the first sweep it is the database's time.
    """
    now, kept = tx.now(), tx.metadata.get(LAST_SWEEP)
    return now if kept is None else min(now, parse_rfc3339(kept.decode()) + LONGEST_PAUSE)
