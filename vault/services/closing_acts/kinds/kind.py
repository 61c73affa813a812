"""A kind of closing act: its content, how that is read from the rows, and the effect on a database that lost it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.stored.closing_acts import Act
from vault.domain.stored.closing_content import NOTHING, ContentKind
from vault.errors import NotFound

C = TypeVar("C")
V = TypeVar("V")


class AnyClosingKind(Protocol):
    """A kind of closing acts, whatever its content: as ``ClosingKind[Any]``, mypy would not compare its parts."""

    @property
    def content_name(self) -> str:
        """Return the name of its content in the table of event types."""

    def read_content(self, tx: Transaction, event: AccessEvent) -> object:
        """Return what the act of an event stores beside its leaf."""

    def reapply(self, tx: Transaction, act: Act) -> None:
        """Apply the effect of an act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingKind(Generic[C]):
    """What happens to the acts of one type of event."""

    content: ContentKind[C]
    #: Reads the content in the transaction of the act, after its change.
    read: Callable[[Transaction, AccessEvent], C]
    #: Idempotent. Rows that are missing in this database are skipped. The account's exclusive lock is held.
    apply: Callable[[Transaction, AccessEvent, C], None]

    @property
    def content_name(self) -> str:
        """Return the name of its content in the table of event types."""
        return self.content.name

    def read_content(self, tx: Transaction, event: AccessEvent) -> object:
        """Return what the act of an event stores beside its leaf."""
        return self.read(tx, event)

    def reapply(self, tx: Transaction, act: Act) -> None:
        """Apply the effect of an act."""
        self.apply(tx, act.event, self.content.of(act.content))


def without_content(apply: Callable[[Transaction, AccessEvent], None]) -> ClosingKind[None]:
    """Return the kind of acts of which the leaf says everything."""
    return ClosingKind(
        content=NOTHING, read=lambda _tx, _event: None, apply=lambda tx, event, _nothing: apply(tx, event)
    )


def restored_account(tx: Transaction, event: AccessEvent) -> str | None:
    """Return the account of an act; None if this database does not have it."""
    if event.account_id is None:
        return None
    try:
        tx.accounts.switch(event.account_id)
    except NotFound:
        return None
    return event.account_id


def written(row: V | None, what: str) -> V:
    """Return the row of what an event closes. Raises ValueError if it is not written yet."""
    if row is None:
        raise ValueError(f"The row of {what} must be written before its event.")
    return row
