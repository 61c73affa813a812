"""The store of closing acts in a transaction (vault/domain/stored/closing_acts.py)."""

from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from vault.domain.audit_log.access_event import EventType
from vault.domain.stored.closing_acts import Act


class ClosingActs(Protocol):
    """Closing acts, inserted by ``Events.append`` in the same transaction, and the state of their objects."""

    def begin(self, put: Container[str]) -> None:
        """Start a function: discard the acts of a failed one before it. ``put`` are keys of stored objects."""

    def take(self) -> Sequence[Act]:
        """Return the acts inserted and recalled in this transaction since the last call."""

    def recall(self, account_id: str | None, kind: EventType, name: str | None = None) -> bool:
        """Select an account's acts of this kind, or only that about ``name``, whose objects are not stored yet.

        A service calls it if its work was already done, so that its response also guarantees a stored object.
        Returns whether there were any.
        """

    def unknown(self, event_ids: Iterable[str]) -> set[str]:
        """Return the events without an act in this database."""

    def undone(self, acts: Sequence[Act]) -> set[str]:
        """Return the events of acts that are in this database but have no effect in it.

        These are acts of unknown accounts, and refusals without a row, or whose row is sealed under an older
        account key version than the permanent object.
        """

    def any_due(self, before: datetime) -> bool:
        """Return whether an act from before then must be stored, or any act is ready for ``place`` or ``settled``."""

    def due(self, before: datetime, *, limit: int) -> Sequence[Act]:
        """Return acts of at most ``limit`` objects, from before then, that are not stored yet."""

    def stored(self, acts: Iterable[Act]) -> None:
        """Mark the objects of these acts as stored."""

    def place(self) -> None:
        """Set, on stored acts, a size of the log that includes their leaves; acts still in the outbox are skipped."""

    def settleable(self, *, limit: int) -> Sequence[Act]:
        """Return acts of at most ``limit`` objects that the published log or an account's object also contains."""

    def settled(self, acts: Iterable[Act]) -> None:
        """Mark these acts as settled: they need no object any more except, where they are kept, the permanent one."""

    def adopt(self, act: Act) -> bool:
        """Insert an act from the object store; return whether its event was unknown to this database."""

    def logged(self, leaves: Iterable[bytes]) -> None:
        """Insert, as settled, the acts of leaves that were restored from the published log."""
