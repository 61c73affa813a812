"""Clock skew between the node and the database.

A time limit starts by the database's clock, which all nodes share, and ends as soon as either clock says so. So a
node whose clock is slow neither plays nor creates anything expired, and a node whose clock is fast creates nothing
that lasts too long.
"""

from datetime import datetime

from vault.database.transaction import Transaction


def earlier(tx: Transaction, now: datetime) -> datetime:
    """Return the earlier time, which decides whether something is old enough to be deleted."""
    return min(now, tx.now())
