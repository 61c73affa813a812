"""Anchoring: a checkpoint lies in the object store before it is shown, and all that lie there are of one history."""

from dataclasses import dataclass
from enum import Enum

from vault.ports.access_log import KeptCheckpoint
from vault.ports.clock import Clock
from vault.ports.database import Database
from vault.ports.objects import ObjectStore
from vault.tlog.note import Signer
from vault.workflows.published_log import PublishedLog


class Standing(Enum):
    """What the access log of a database is to the one in the object store."""

    #: Every anchor is a beginning of the database's log, or the log itself.
    SAME = "same"
    #: The database's log is a beginning of an anchor's, so the database is older.
    BEHIND = "behind"
    #: Neither is a beginning of the other.
    FORKED = "forked"


@dataclass(slots=True, kw_only=True)
class Anchor:
    """The newest checkpoint that may be shown."""

    database: Database
    objects: ObjectStore
    signer: Signer
    clock: Clock
    published_log: PublishedLog

    async def covering(self, leaves: int) -> KeptCheckpoint:
        """Return an anchored checkpoint of at least so many leaves, which is anchored now if it must be.

        Raises Unavailable where that is not possible, with a sentence that names the remedy: the object store does
        not answer, or holds an anchor that is no beginning of the database's log.
        """
        raise NotImplementedError

    async def extend(self) -> bool:
        """Anchor the head if the log grew; False if it did not. Raises as ``covering`` does."""
        raise NotImplementedError

    async def compare(self, database: Database) -> Standing:
        """Compare a database's log with every anchor, and with what was published where there is none.

        Raises Unavailable where the object store or the database does not answer, Tampered for an anchor that the
        key of the log did not sign.
        """
        raise NotImplementedError
