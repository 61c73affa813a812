"""Accounts as objects of the object store: which ones changed, and what each has to contain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update

from vault.database.account_object import AccountObject, read_account
from vault.database.account_parts.part import StoredPrompt, account_changed
from vault.database.account_parts.requests import request_stored, requests_to_store
from vault.database.schema.access_log import event_outbox
from vault.database.schema.account_keys import account_keys
from vault.database.schema.consent import notices
from vault.database.schema.core import accounts
from vault.database.signals import Work, wake
from vault.database.sql.dialect import is_postgresql
from vault.database.stores.rows import Rows
from vault.domain.stored.request_rows import StoredRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Revisions:
    """An account's current revision, and its revision in the object store."""

    now: int
    written: int


class AccountObjectRows(Rows):
    """The objects of accounts in one transaction."""

    def due(self, limit: int, *, but: Sequence[str] = ()) -> Sequence[str]:
        """Return ids of accounts that changed since their object was written, except those in ``but``."""
        changed = select(accounts.c.id).where(accounts.c.revision != accounts.c.written_revision)
        if but:
            changed = changed.where(accounts.c.id.not_in(but))
        return self._db.execute(changed.limit(limit)).scalars().all()

    def changed(self, account_id: str) -> None:
        """Count a change of an account's content: its object becomes due under another name."""
        account_changed(self._db, account_id)

    def ids(self, *, after: str, limit: int) -> Sequence[str]:
        """Return ids of accounts in order, those greater than ``after``."""
        query = select(accounts.c.id).where(accounts.c.id > after).order_by(accounts.c.id).limit(limit)
        return self._db.execute(query).scalars().all()

    def read(self, account_id: str) -> AccountObject:
        """Return the content of an account's object. Raises NotFound."""
        return read_account(self._db, account_id)

    def requests_to_store(self, account_id: str, *, limit: int) -> Sequence[StoredRequest]:
        """Return closed requests that are in no object of their own yet."""
        return requests_to_store(self._db, account_id, limit=limit)

    def request_stored(self, stored: StoredRequest, *, under: int) -> None:
        """Note that a closed request is in its own object, unless it has changed since."""
        request_stored(self._db, stored, under=under)

    def waiting(self, account_id: str) -> frozenset[int]:
        """Return the outbox positions of the account's events that are not in the tree yet; none on SQLite."""
        if not is_postgresql(self._db):
            return frozenset()
        query = select(event_outbox.c.position).where(event_outbox.c.account_id == account_id)
        return frozenset(self._db.execute(query).scalars())

    def prompt(self, notice_id: str) -> StoredPrompt | None:
        """Return the sealed audio of a notice."""
        query = select(notices.c.sealed_audio, notices.c.key_version).where(notices.c.id == notice_id)
        row = self._db.execute(query).first()
        if row is None or row.sealed_audio is None:
            return None
        return StoredPrompt(message=row.sealed_audio, key_version=row.key_version)

    def written(self, account_id: str, revision: int) -> None:
        """Mark this revision as stored in the object store."""
        done = update(accounts).where(accounts.c.id == account_id).values(written_revision=revision)
        self._db.execute(done)
        wake(self._db, Work.CLOSING_ACTS)

    def revisions(self, account_id: str) -> Revisions | None:
        """Return an account's current revision and its last stored one."""
        query = select(accounts.c.revision, accounts.c.written_revision).where(accounts.c.id == account_id)
        row = self._db.execute(query).first()
        return None if row is None else Revisions(now=row.revision, written=row.written_revision)

    def written_revisions(self, account_ids: Sequence[str]) -> Mapping[str, int]:
        """Return the last stored revision of those of these accounts that exist; pass at most some hundred."""
        query = select(accounts.c.id, accounts.c.written_revision).where(accounts.c.id.in_(account_ids))
        return {row.id: row.written_revision for row in self._db.execute(query)}

    def key_versions(self, account_id: str) -> Sequence[int]:
        """Return the versions of an account's key that exist."""
        query = select(account_keys.c.version).where(account_keys.c.account_id == account_id)
        return self._db.execute(query).scalars().all()
