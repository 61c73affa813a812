"""Merge an account's object of a lost history into an account that continued without it; existing rows win."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import func, select, update

from vault.database.schema.account_keys import account_keys, detail_keys, key_rotations, month_keys
from vault.database.schema.consent import consent_policies, objections
from vault.database.schema.core import connections, recordings
from vault.database.schema.notices import notices
from vault.database.schema.registers import register_entries
from vault.database.sql.dialect import database_now, insert_for, insert_new
from vault.database.stores.approval_rule_rows import restore_rule
from vault.database.stores.callback_backup import add_lost_callback
from vault.database.stores.link_key_rows import add_stored
from vault.database.stores.month_keys import row_of_month_key
from vault.database.stores.notice_rows import row_of
from vault.database.stores.request_backup import restore_requests
from vault.database.stores.retention_rows import restore_hold, restore_policies
from vault.database.stores.sign_in_backup import restore_sign_in
from vault.domain.accounts.account import Connection
from vault.domain.consent.consent_event import Objection
from vault.domain.recordings.recording import IN_FLIGHT
from vault.domain.registers.entries import SealedEntry
from vault.domain.stored.account_object import AccountObject, StoredPrompt
from vault.domain.stored.policy_json import encode_policy


def add_lost(
    db: DbConnection,
    known: AccountObject,
    prompts: dict[str, StoredPrompt],
    *,
    but: Collection[str],
    policies: bool,
) -> list[str]:
    """Insert rows that the account lacks, except ids in ``but``, which it deleted itself; return the conflicts.

    ``but`` has its own id if it deleted its callback. It keeps the objections of both. ``policies`` says whether policy
    versions of the lost history may become the newest.
    """
    refused = add_keys(db, known)
    restore_policies(db, known.account.id, known.retention)
    for stored in known.holds:
        restore_hold(db, stored)
    restore_rule(db, known.account.id, known.approval_rule, replaces=False)
    for kept in known.objections:
        fields = {name: getattr(kept.objection, name) for name in Objection.__slots__}
        row = {name: getattr(kept, name) for name in ("id", "term", "sealed_number", "key_version")}
        insert_new(db, objections, {"account_id": known.account.id, **row, **fields})
    for connection in known.connections:
        row = {name: getattr(connection, name) for name in Connection.__slots__}
        due = {"reconciled_until": connection.collect_from, "reconcile_not_before": database_now(db)}
        if connection.id not in but and not insert_new(db, connections, row | due):
            refused += _unless_exists(db, connections, connection.id, f"the connection {connection.name}")
    for notice in known.notices:
        prompt = prompts.get(notice.id)
        row = row_of(notice) | {
            "sealed_audio": prompt.message if prompt else None,
            "key_version": prompt.key_version if prompt else None,
        }
        if notice.id not in but and not insert_new(db, notices, row):
            refused += _unless_exists(db, notices, notice.id, f"the notice {notice.id}")
    refused += add_lost_callback(db, known, but)
    refused += _add_access(db, known, but)
    restore_requests(db, known.account.id, known.requests, _usable_versions(db, known))
    return refused + _add_registers(db, known) + _add_policies(db, known, newest=policies)


def _add_access(db: DbConnection, known: AccountObject, but: Collection[str]) -> list[str]:
    """Insert missing keys that sign links, their cuts, and sign-in connections; return those left out."""
    left_out = add_stored(db, known.link_keys, known.link_cuts)
    return left_out + restore_sign_in(db, known.account.id, known.sign_in, replaces=False, but=but)


def _add_registers(db: DbConnection, known: AccountObject) -> list[str]:
    """Insert missing entries of registers that a key of this account opens; return those left out."""
    usable, refused = _usable_versions(db, known), []
    for entry in known.registers:
        row = {name: getattr(entry, name) for name in SealedEntry.__slots__}
        opens = entry.key_version in usable
        if not opens or not insert_new(db, register_entries, row):
            refused += _unless_exists(db, register_entries, entry.id, f"the register entry {entry.id}")
    return refused


def _usable_versions(db: DbConnection, known: AccountObject) -> set[int]:
    """Return the versions of the object's key that this account has too, with the same key."""
    k = account_keys.c
    stored = select(k.version, k.wrapped_key).where(k.account_id == known.account.id)
    keys = {row.version: row.wrapped_key for row in db.execute(stored)}
    return {version for version, key in known.keys.items() if keys.get(version) == key}


def _add_policies(db: DbConnection, known: AccountObject, *, newest: bool) -> list[str]:
    p, account_id = consent_policies.c, known.account.id
    last = db.execute(select(func.max(p.version)).where(p.account_id == account_id)).scalar() or 0
    refused = []
    for policy in known.policies:
        if policy.version <= last:
            continue
        if not newest:
            refused.append(f"version {policy.version} of its consent policy")
            continue
        row = {
            "account_id": account_id, "version": policy.version, "policy": encode_policy(policy),
            "changed_at": policy.changed_at, "changed_by": policy.changed_by,
        }  # fmt: skip
        insert_new(db, consent_policies, row)
    return refused


def add_keys(db: DbConnection, known: AccountObject) -> list[str]:
    """Insert missing versions of the account's key, and what they wrap; return those whose number has another key.

    What a version with another key wraps stays out: nothing here opens it, and new data would be sealed under it.
    """
    account_id, k = known.account.id, account_keys.c
    differ: set[int] = set()
    for version, key in known.keys.items():
        row = {"account_id": account_id, "version": version, "wrapped_key": key}
        if insert_new(db, account_keys, row):
            _empty_again(db, account_id, version)
        else:
            stored = select(k.wrapped_key).where(k.account_id == account_id, k.version == version)
            if db.execute(stored).scalar() != key:
                differ.add(version)
    for number, (wrapped, version) in known.detail_keys.items():
        row = {"account_id": account_id, "number": number, "wrapped_key": wrapped, "key_version": version}
        if version not in differ:
            insert_new(db, detail_keys, row)
    # Ids of two histories differ, so those of both stay.
    usable = [key for key in known.month_keys if key.key_version not in differ]
    if usable:
        insert_new(db, month_keys, *[row_of_month_key(account_id, key) for key in usable])
    return [f"version {version} of its key" for version in sorted(differ)]


def _empty_again(db: DbConnection, account_id: str, version: int) -> None:
    """Restart the rotation of a version that was rotated here before, so that it is emptied and destroyed again.

    Data acknowledged under it in the lost history can be opened only with it, until re-encrypted under the next.
    """
    k = account_keys.c
    following = select(k.version).where(k.account_id == account_id, k.version == version + 1)
    if db.execute(following).first() is None:
        return
    begun = {
        "begun_at": database_now(db), "begun_by": "restore", "rewrapped": 0,
        "settled_at": None, "destroyed_at": None, "statement": None,
    }  # fmt: skip
    put = insert_for(db, key_rotations).values(account_id=account_id, version=version, **begun)
    db.execute(put.on_conflict_do_update(index_elements=["account_id", "version"], set_=begun))


def _unless_exists(db: DbConnection, table: Any, row_id: str, words: str) -> list[str]:
    return [] if db.execute(select(table.c.id).where(table.c.id == row_id)).first() else [words]


def carry_epoch(db: DbConnection, account_id: str, epoch: int, *, since: datetime) -> None:
    """Set ``epoch`` on recordings in flight that were received after ``since``, the time of the last switch-off."""
    r = recordings.c
    mine = (r.account_id == account_id) & r.state.in_([str(state) for state in IN_FLIGHT])
    db.execute(update(recordings).where(mine & (r.received_at > since)).values(epoch=epoch))


def make_reconciliation_due(db: DbConnection, since: datetime) -> int:
    """Make every connection due for reconciliation now, from ``since`` on; return the number of connections."""
    c = connections.c
    db.execute(update(connections).where(c.reconciled_until > since).values(reconciled_until=since))
    return db.execute(update(connections).values(reconcile_not_before=database_now(db))).rowcount
