"""Two clocks that may disagree, the node's and the database's: what is limited in time ends by the sooner.

It begins by the database's, which all nodes share. So a node that is behind plays nothing that is over and
makes nothing that is over already, and one that is ahead makes nothing that lasts too long.
"""

from datetime import datetime

from vault.ports.database import Transaction


def later(tx: Transaction, now: datetime) -> datetime:
    """Return the later of both times: by this one something is over."""
    return max(now, tx.now())


def earlier(tx: Transaction, now: datetime) -> datetime:
    """Return the earlier of both times: by this one something is old enough to be removed."""
    return min(now, tx.now())
