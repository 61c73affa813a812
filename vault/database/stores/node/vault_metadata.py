"""Metadata of this vault."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select

from vault.database.schema.node import vault_metadata
from vault.database.sql.dialect import insert_for, insert_new
from vault.database.stores.rows import Rows
from vault.errors import Refused


class MetadataRows(Rows):
    """Facts about this vault, such as its id and the proof of its root key."""

    def get(self, name: str) -> bytes | None:
        """Return a value."""
        value: bytes | None = self._db.execute(
            select(vault_metadata.c.value).where(vault_metadata.c.name == name)
        ).scalar()
        return value

    def put(self, values: Mapping[str, bytes]) -> None:
        """Insert values. Raises Refused if one of the names exists."""
        rows = [{"name": name, "value": value} for name, value in values.items()]
        if insert_new(self._db, vault_metadata, *rows) != len(rows):
            raise Refused("This metadata of the vault is set already.", reasons=("already_set",))

    def replace(self, values: Mapping[str, bytes], *, drop: Sequence[str] = ()) -> None:
        """Set values, whether they exist or not, and delete the names in ``drop``."""
        if drop:
            self._db.execute(delete(vault_metadata).where(vault_metadata.c.name.in_(drop)))
        # Sorted, so that two nodes that set the same names do not wait for each other.
        rows = [{"name": name, "value": value} for name, value in sorted(values.items())]
        if rows:
            put = insert_for(self._db, vault_metadata)
            newer = {"value": put.excluded.value}
            self._db.execute(put.on_conflict_do_update(index_elements=["name"], set_=newer), rows)
