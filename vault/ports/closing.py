"""What a transaction offers about closing acts (vault/domain/stored/closing_acts.py)."""

from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from vault.domain.audit_log.access_event import EventType
from vault.domain.stored.closing_acts import Act


class ClosingActs(Protocol):
    """Closing acts: noted by ``Events.append`` in its own transaction, and what became of their objects."""

    def begin(self, put: Container[str]) -> None:
        """Begin a function; what one before it left, which failed, goes. ``put`` are objects known to be stored."""

    def take(self) -> Sequence[Act]:
        """Return the acts of this transaction, and those that it recalled, since this was last asked."""

    def recall(self, account_id: str | None, kind: EventType, name: str | None = None) -> bool:
        """Take an account's acts of this kind, or that about ``name``, whose objects are not known to be stored.

        A verb that finds its work done asks for this, so that its answer means as much as the first. Returns
        whether there were any.
        """

    def unknown(self, event_ids: Iterable[str]) -> set[str]:
        """Return those events of which this database knows no act."""

    def undone(self, acts: Sequence[Act]) -> set[str]:
        """Return the events of those acts that this database knows, and in which nothing is closed by them.

        Those of accounts that it has not; and a no without its row, or whose row an older version of the
        account's key sealed than what lies for good.
        """

    def any_due(self, before: datetime) -> bool:
        """Return whether acts from before then are to be stored, or any are to find their place or may be settled."""

    def due(self, before: datetime, *, limit: int) -> Sequence[Act]:
        """Return acts of at most ``limit`` objects, from before then, that are not known to be stored."""

    def stored(self, acts: Iterable[Act]) -> None:
        """Note that the objects of these acts lie in the object store."""

    def place(self) -> None:
        """Note a size of the log that has the leaves of what is stored; not of those that still wait for it."""

    def settleable(self, *, limit: int) -> Sequence[Act]:
        """Return acts of at most ``limit`` objects that the published log, or an account's object, says too."""

    def settled(self, acts: Iterable[Act]) -> None:
        """Note that these acts need no object any more but, where they are kept, the one that lies for good."""

    def adopt(self, act: Act) -> bool:
        """Note an act that was read from the object store; say whether this database did not know its event."""

    def logged(self, leaves: Iterable[bytes]) -> None:
        """Note the acts that leaves of the published log say, which came into the tree at their places."""
