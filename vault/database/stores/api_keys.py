"""API keys, and the responses stored for idempotency keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection as DbConnection
from sqlalchemy import bindparam, delete, insert, select, tuple_, update

from vault.database.schema.api_keys import api_keys, kept_answers
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.dialect import insert_new
from vault.database.sql.keyset import earlier_than, later_than
from vault.domain.accounts.account import ApiKey
from vault.errors import Busy

#: Prefix of the names of leases on idempotent requests in progress.
ANSWER_LEASES: Final = "answer/"

# Max deletions in one transaction, so that it does not delay other writers.
_BATCH_SIZE = 1000
# Every request with a key runs this.
_FIND = CompiledSelect(select(api_keys).where(api_keys.c.id == bindparam("id")))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """The stored response of a request with an Idempotency-Key."""

    fingerprint: bytes
    status: int
    body: bytes


class ApiKeyRows:
    """API keys, and the stored responses of idempotent requests."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

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

    def answer(self, key_id: str, idempotency_key: bytes) -> StoredAnswer | None:
        """Return the response stored for this idempotency key."""
        wanted = (kept_answers.c.key_id == key_id) & (kept_answers.c.idempotency_key == idempotency_key)
        row = self._db.execute(select(kept_answers).where(wanted)).first()
        return (
            None
            if row is None
            else StoredAnswer(fingerprint=row.fingerprint, status=row.status, body=row.body)
        )

    def keep_answer(self, key_id: str, idempotency_key: bytes, answer: StoredAnswer, at: datetime) -> None:
        """Store a response. Raises Busy if another request stored one first."""
        values = {
            "key_id": key_id, "idempotency_key": idempotency_key, "fingerprint": answer.fingerprint,
            "status": answer.status, "body": answer.body, "kept_at": at,
        }  # fmt: skip
        if not insert_new(self._db, kept_answers, values):
            raise Busy("A request with the same idempotency key is in progress; retry later.", retry_after=1)

    def forget_answers(self, before: datetime) -> bool:
        """Delete a batch of responses older than ``before``; False if there are none."""
        k = kept_answers.c
        old = select(k.key_id, k.idempotency_key).where(k.kept_at < before).limit(_BATCH_SIZE)
        statement = delete(kept_answers).where(tuple_(k.key_id, k.idempotency_key).in_(old))
        return bool(self._db.execute(statement).rowcount)


def _api_key(columns: Mapping[Any, Any]) -> ApiKey:
    values = {name: columns[name] for name in ApiKey.__slots__}
    return ApiKey(**values | {"scopes": frozenset(columns["scopes"])})
