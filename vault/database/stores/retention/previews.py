"""Previews, whose digest a change must carry."""

from datetime import datetime

from sqlalchemy import delete, select

from vault.database.schema.retention import previews
from vault.database.sql.dialect import insert_for
from vault.database.stores.rows import Rows


class PreviewRows(Rows):
    """Previews of changes that erase something."""

    def add(self, account_id: str, digest: str, subject: str, *, at: datetime, old: datetime) -> None:
        """Insert a preview; those before ``old`` are deleted."""
        self._db.execute(delete(previews).where(previews.c.at < old))
        row = {"account_id": account_id, "digest": digest, "subject": subject, "at": at}
        put = insert_for(self._db, previews).values(row)
        self._db.execute(put.on_conflict_do_update(index_elements=["account_id", "digest"], set_={"at": at}))

    def shown_at(self, account_id: str, digest: str, subject: str) -> datetime | None:
        """Return when this digest was shown for ``subject``; None if it was not."""
        mine = (previews.c.account_id == account_id) & (previews.c.subject == subject)
        query = select(previews.c.at).where(mine, previews.c.digest == digest)
        return self._db.execute(query).scalar()
