"""API keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from vault.database.schema.accounts import api_keys
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.conditions import earlier_than, later_than
from vault.database.stores.rows import Rows
from vault.domain.accounts.account import ApiKey

# Every request with a key runs this.
_FIND = CompiledSelect(select(api_keys).where(api_keys.c.id == bindparam("id")))


class ApiKeyRows(Rows):
    """API keys."""

    def insert(self, key: ApiKey, secret_hash: bytes, *, created_by: str) -> None:
        """Insert a key and the hash of its secret; ``created_by``: who issued it."""
        self._db.execute(
            insert(api_keys).values(
                id=key.id, name=key.name, account_id=key.account_id, scopes=sorted(key.scopes),
                secret_hash=secret_hash, created_at=key.created_at, revoked_at=key.revoked_at,
                created_by=created_by,
            )
        )  # fmt: skip

    def find(self, key_id: str) -> tuple[ApiKey, bytes] | None:
        """Return a key, even if revoked, and the hash of its secret."""
        row = _FIND.first(self._db, id=key_id)
        return None if row is None else (_api_key(row), row["secret_hash"])

    def creator_of(self, key_id: str) -> str | None:
        """Return who issued a key; None for another actor than a key, and for keys of earlier releases."""
        query = select(api_keys.c.created_by).where(api_keys.c.id == key_id)
        return self._db.execute(query).scalar()

    def issued_by(self, account_id: str, makers: Sequence[str]) -> Sequence[str]:
        """Return the ids of an account's keys that these issued and that are not revoked."""
        k = api_keys.c
        mine = (k.account_id == account_id) & k.created_by.in_(makers) & k.revoked_at.is_(None)
        return list(self._db.execute(select(k.id).where(mine).order_by(k.id)).scalars())

    def page(
        self,
        account_id: str | None,
        *,
        after: tuple[datetime, str] | None = None,
        limit: int,
        newest_first: bool = False,
    ) -> Sequence[ApiKey]:
        """Return a page of an account's keys, or of all keys, oldest first unless ``newest_first``."""
        order = api_keys.c.created_at, api_keys.c.id
        beyond = earlier_than if newest_first else later_than
        query = select(api_keys).where(*beyond(*order, after))
        if account_id is not None:
            query = query.where(api_keys.c.account_id == account_id)
        query = query.order_by(*(column.desc() if newest_first else column for column in order)).limit(limit)
        return [_api_key(row._mapping) for row in self._db.execute(query)]  # noqa: SLF001 - SQLAlchemy's public name

    def revoke(self, key_id: str, at: datetime) -> None:
        """Revoke a key from the next request on; the time of the first revocation stays."""
        live = (api_keys.c.id == key_id) & api_keys.c.revoked_at.is_(None)
        self._db.execute(update(api_keys).where(live).values(revoked_at=at))


def _api_key(columns: Mapping[Any, Any]) -> ApiKey:
    values = {name: columns[name] for name in ApiKey.__slots__}
    return ApiKey(**values | {"scopes": frozenset(columns["scopes"])})
