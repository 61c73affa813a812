"""Previews, whose digest a change must carry, and changes that wait for the word of a second API key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection as DbConnection
from sqlalchemy import delete, insert, select, update

from vault.database.schema.retention import approvals, previews
from vault.database.sql.dialect import insert_for

#: What a second key approves.
ApprovalKind = Literal["hold_release", "retention_cap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A change that one key asked for, and that another one approves."""

    id: str
    account_id: str
    kind: ApprovalKind
    #: The hold's id; empty for the cap.
    subject: str
    asked_by: str
    asked_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None


class SecondKeyRows:
    """Previews and approvals."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def add_preview(self, account_id: str, digest: str, subject: str, *, at: datetime, old: datetime) -> None:
        """Insert a preview; those before ``old`` are deleted."""
        self._db.execute(delete(previews).where(previews.c.at < old))
        row = {"account_id": account_id, "digest": digest, "subject": subject, "at": at}
        put = insert_for(self._db, previews).values(row)
        self._db.execute(put.on_conflict_do_update(index_elements=["account_id", "digest"], set_={"at": at}))

    def previewed_at(self, account_id: str, digest: str, subject: str) -> datetime | None:
        """Return when this digest was shown for ``subject``; None if it was not."""
        mine = (previews.c.account_id == account_id) & (previews.c.subject == subject)
        query = select(previews.c.at).where(mine, previews.c.digest == digest)
        return self._db.execute(query).scalar()

    def ask(self, approval: Approval) -> Approval:
        """Insert what is asked, or return what already waits for the same subject."""
        a = approvals.c
        mine = (a.account_id == approval.account_id) & (a.kind == approval.kind)
        mine &= (a.subject == approval.subject) & a.decided_at.is_(None)
        row = self._db.execute(select(approvals).where(mine)).mappings().first()
        if row is not None:
            return Approval(**row)
        self._db.execute(
            insert(approvals).values({name: getattr(approval, name) for name in Approval.__slots__})
        )
        return approval

    def get(self, account_id: str, approval_id: str) -> Approval | None:
        """Return what was asked."""
        mine = (approvals.c.account_id == account_id) & (approvals.c.id == approval_id)
        row = self._db.execute(select(approvals).where(mine)).mappings().first()
        return None if row is None else Approval(**row)

    def open(self, account_id: str) -> Sequence[Approval]:
        """Return what waits for a second key, oldest first."""
        mine = (approvals.c.account_id == account_id) & approvals.c.decided_at.is_(None)
        rows = self._db.execute(select(approvals).where(mine).order_by(approvals.c.asked_at)).mappings()
        return [Approval(**row) for row in rows]

    def decide(self, approval_id: str, *, by: str, at: datetime) -> None:
        """Write the second key's word."""
        mine = approvals.c.id == approval_id
        self._db.execute(update(approvals).where(mine).values(decided_by=by, decided_at=at))
