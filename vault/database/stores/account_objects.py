"""Accounts as objects of the object store: the changed ones, and the content of each."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import select, update

from vault.database.schema.access_log import event_outbox
from vault.database.schema.account_keys import account_keys, detail_keys, key_rotations, month_keys
from vault.database.schema.consent import consent_policies, objections
from vault.database.schema.core import accounts, connections, switch_changes
from vault.database.schema.notices import notices
from vault.database.schema.registers import register_entries
from vault.database.schema.retention import holds, retention_policies
from vault.database.signals import Work, wake
from vault.database.sql.dialect import database_now, is_postgresql
from vault.database.stores.approval_rule_rows import rule_of
from vault.database.stores.callback_backup import read_callback
from vault.database.stores.link_key_rows import stored_link_cuts, stored_link_keys
from vault.database.stores.notice_rows import NOTICE_COLUMNS, notice_of
from vault.database.stores.request_backup import read_requests, request_stored, requests_to_store
from vault.database.stores.retention_rows import hold_of, policy_of
from vault.database.stores.sign_in_backup import stored_sign_in
from vault.domain.accounts.account import Account, Connection, Switch, SwitchChange
from vault.domain.accounts.month_key import WrappedMonthKey
from vault.domain.consent.consent_event import ConsentPolicy, Objection
from vault.domain.notices.notice import Notice
from vault.domain.registers.entries import SealedEntry
from vault.domain.stored.account_json import StoredObjection
from vault.domain.stored.account_object import AccountObject, StoredPrompt
from vault.domain.stored.policy_json import decode_policy
from vault.domain.stored.request_rows import StoredRequest
from vault.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Revisions:
    """An account's current revision, and its revision in the object store."""

    now: int
    written: int


def account_changed(db: DbConnection, account_id: str) -> None:
    """Increment the account's revision: the content of its object has changed, so it must be written again."""
    changed = update(accounts).where(accounts.c.id == account_id)
    db.execute(changed.values(revision=accounts.c.revision + 1))
    wake(db, Work.ACCOUNT_OBJECTS)


class AccountObjectRows:
    """The objects of accounts in one transaction."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def due(self, limit: int, *, but: Sequence[str] = ()) -> Sequence[str]:
        """Return ids of accounts that changed since their object was written, except those in ``but``."""
        changed = select(accounts.c.id).where(accounts.c.revision != accounts.c.written_revision)
        if but:
            changed = changed.where(accounts.c.id.not_in(but))
        return self._db.execute(changed.limit(limit)).scalars().all()

    def ids(self, *, after: str, limit: int) -> Sequence[str]:
        """Return ids of accounts in order, those greater than ``after``."""
        query = select(accounts.c.id).where(accounts.c.id > after).order_by(accounts.c.id).limit(limit)
        return self._db.execute(query).scalars().all()

    def read(self, account_id: str) -> AccountObject:
        """Return the content of an account's object. Raises NotFound."""
        row = self._db.execute(select(accounts).where(accounts.c.id == account_id)).first()
        if row is None:
            raise NotFound("There is no such account.")
        found = row._mapping  # noqa: SLF001 - SQLAlchemy's public name
        keys = self._rows(account_keys, account_id, account_keys.c.version)
        emptied = self._emptied(account_id)
        return AccountObject(
            account=Account(**{name: found[name] for name in Account.__slots__}),
            revision=row.revision,
            as_of=database_now(self._db),
            # A key version that seals no data any more will be destroyed, so the object must not contain it.
            keys={row["version"]: row["wrapped_key"] for row in keys if row["version"] not in emptied},
            wrapped_index_key=row.wrapped_index_key,
            index_key_version=row.index_key_version,
            detail_keys={
                row["number"]: (row["wrapped_key"], row["key_version"])
                for row in self._rows(detail_keys, account_id, detail_keys.c.number)
            },
            month_keys=tuple(
                month_key_of(row) for row in self._rows(month_keys, account_id, month_keys.c.id)
            ),
            switch=Switch(**{name: found[name] for name in Switch.__slots__}),
            history=self._history(account_id),
            policies=self._policies(account_id),
            connections=tuple(
                Connection(**{name: row[name] for name in Connection.__slots__})
                for row in self._rows(connections, account_id, connections.c.id)
            ),
            objections=tuple(_objection(row) for row in self._rows(objections, account_id, objections.c.id)),
            notices=self._notices(account_id),
            prompts=self._prompts(account_id),
            **self._retention(account_id),
            registers=self._registers(account_id),
            **self._access(account_id),
            **self._requests(account_id),
            approval_rule=rule_of(self._db, account_id),
        )

    def _access(self, account_id: str) -> Any:
        """Return who may sign links, which are cut, and who may sign in."""
        return {
            "link_keys": stored_link_keys(self._db, account_id),
            "link_cuts": stored_link_cuts(self._db, account_id),
            "sign_in": stored_sign_in(self._db, account_id),
        }

    def _policies(self, account_id: str) -> tuple[ConsentPolicy, ...]:
        return tuple(
            decode_policy(row["policy"], version=row["version"], at=row["changed_at"], by=row["changed_by"])
            for row in self._rows(consent_policies, account_id, consent_policies.c.version)
        )

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

    def _retention(self, account_id: str) -> dict[str, Any]:
        versions = self._rows(retention_policies, account_id, retention_policies.c.version)
        found = self._rows(holds, account_id, holds.c.id)
        return {
            "holds": tuple(hold_of(row) for row in found),
            "retention": tuple(policy_of(row) for row in versions),
        }

    def _requests(self, account_id: str) -> dict[str, Any]:
        return {
            "requests": read_requests(self._db, account_id),
            "callback": read_callback(self._db, account_id),
        }

    def _emptied(self, account_id: str) -> set[int]:
        k = key_rotations.c
        query = select(k.version).where(k.account_id == account_id, k.settled_at.is_not(None))
        return set(self._db.execute(query).scalars())

    def _history(self, account_id: str) -> tuple[SwitchChange, ...]:
        rows = self._rows(switch_changes, account_id, switch_changes.c.id)
        return tuple(SwitchChange(**{name: row[name] for name in SwitchChange.__slots__}) for row in rows)

    def _notices(self, account_id: str) -> tuple[Notice, ...]:
        query = select(*NOTICE_COLUMNS).where(notices.c.account_id == account_id).order_by(notices.c.id)
        return tuple(notice_of(row) for row in self._db.execute(query).mappings())

    def _registers(self, account_id: str) -> tuple[SealedEntry, ...]:
        columns = [register_entries.c[name] for name in SealedEntry.__slots__]
        query = select(*columns).where(register_entries.c.account_id == account_id)
        rows = self._db.execute(query.order_by(register_entries.c.id))
        return tuple(SealedEntry(**row._mapping) for row in rows)  # noqa: SLF001 - SQLAlchemy's public name

    def _prompts(self, account_id: str) -> dict[str, tuple[str, int]]:
        n = notices.c
        query = select(n.id, n.sealed_audio, n.key_version).where(
            n.account_id == account_id, n.sealed_audio.is_not(None)
        )
        rows = self._db.execute(query)
        return {row.id: (hashlib.sha256(row.sealed_audio).hexdigest(), row.key_version) for row in rows}

    def _rows(self, table: Any, account_id: str, order: Any) -> Sequence[Any]:
        query = select(table).where(table.c.account_id == account_id).order_by(order)
        return [row._mapping for row in self._db.execute(query)]  # noqa: SLF001 - SQLAlchemy's public name


def _objection(columns: Any) -> StoredObjection:
    objection = Objection(**{name: columns[name] for name in Objection.__slots__})
    same = {name: columns[name] for name in StoredObjection.__slots__ if name != "objection"}
    return StoredObjection(**same, objection=objection)


def month_key_of(row: Any) -> WrappedMonthKey:
    """Convert the columns of a row, by name, to a month key."""
    return WrappedMonthKey(
        id=row["id"], number=row["number"], wrapped=row["wrapped_key"], key_version=row["key_version"]
    )
