"""The callback of an account in the account's object: read for it, and restored from it."""

from collections.abc import Collection

from sqlalchemy import Connection as DbConnection
from sqlalchemy import delete, select

from vault.database.schema.callbacks import request_callbacks, request_deliveries
from vault.database.sql.dialect import insert_for, insert_new
from vault.domain.stored.account_object import AccountObject
from vault.domain.stored.callback_json import StoredCallback


def read_callback(db: DbConnection, account_id: str) -> StoredCallback | None:
    """Return the callback of an account."""
    c = request_callbacks.c
    row = db.execute(select(c.sealed, c.set_at, c.set_by).where(c.account_id == account_id)).first()
    return None if row is None else StoredCallback(sealed=row.sealed, set_at=row.set_at, set_by=row.set_by)


def put_callback(db: DbConnection, account_id: str, callback: StoredCallback) -> None:
    """Insert or replace the callback of an account; what was noted of the former one's deliveries goes."""
    values = {name: getattr(callback, name) for name in StoredCallback.__slots__}
    values |= dict.fromkeys(("delivered_at", "failed_at", "failure"))
    put = insert_for(db, request_callbacks).values(account_id=account_id, **values)
    db.execute(put.on_conflict_do_update(index_elements=["account_id"], set_=values))


def delete_callback(db: DbConnection, account_id: str) -> bool:
    """Delete the callback of an account and what was to be sent; return whether there was one."""
    db.execute(delete(request_deliveries).where(request_deliveries.c.account_id == account_id))
    mine = request_callbacks.c.account_id == account_id
    return db.execute(delete(request_callbacks).where(mine)).rowcount == 1


def restore_callback(db: DbConnection, account_id: str, callback: StoredCallback | None) -> None:
    """Set the callback to that of the account's object, or delete it where that has none."""
    if callback is None:
        delete_callback(db, account_id)
    elif read_callback(db, account_id) != callback:
        put_callback(db, account_id, callback)


def add_lost_callback(db: DbConnection, known: AccountObject, but: Collection[str]) -> list[str]:
    """Insert the callback of a lost history, unless the account has one or is in ``but``; return what is left out."""
    account_id, callback = known.account.id, known.callback
    if callback is None or account_id in but:
        return []
    row = {name: getattr(callback, name) for name in StoredCallback.__slots__} | {"account_id": account_id}
    is_kept = insert_new(db, request_callbacks, row) or read_callback(db, account_id) == callback
    return [] if is_kept else ["the callback for requests"]
