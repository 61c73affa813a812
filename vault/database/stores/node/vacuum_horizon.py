"""The holders of old snapshots, for the metrics of the database."""

from collections.abc import Sequence

from sqlalchemy import text

from vault.database.sql.dialect import is_postgresql
from vault.database.sql.vacuum_horizon import HOLDERS, Holder, holder_from
from vault.database.stores.rows import Rows

_HOLDERS = text(HOLDERS)


class VacuumHorizonRows(Rows):
    """What keeps vacuum from removing old versions of rows."""

    def holders(self) -> Sequence[Holder]:
        """Return who holds a snapshot, the oldest first; on SQLite nobody, which needs no vacuum."""
        if not is_postgresql(self._db):
            return []
        return [holder_from(tuple(row)) for row in self._db.execute(_HOLDERS)]
