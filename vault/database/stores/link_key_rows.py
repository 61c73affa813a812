"""Rows of keys that sign links and of cuts, as the account's object has them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import Row, select, update

from vault.database.schema.link_keys import link_cuts, link_keys
from vault.database.sql.dialect import insert_new
from vault.domain.playback.link_key import LinkCut, LinkKey

_K, _C = link_keys.c, link_cuts.c


def add_stored(
    db: DbConnection, keys: Sequence[LinkKey], cuts: Sequence[LinkCut], *, replaces: bool = False
) -> list[str]:
    """Add keys and cuts of an account's object; what either side has deleted or cut stays so.

    ``replaces``: the object is newer than the database, so what its keys may sign counts.

    Returns messages about keys that are left out because another key has their name.
    """
    left_out = []
    for key in keys:
        if insert_new(db, link_keys, row_of_link_key(key)):
            continue
        known = (_K.id == key.id) & _K.deleted_at.is_(None)
        if db.execute(select(_K.id).where(_K.id == key.id)).first() is None:
            left_out.append(f"the link key {key.name}")
        elif key.deleted_at is not None:
            db.execute(update(link_keys).where(known).values(deleted_at=key.deleted_at))
        elif replaces:
            db.execute(update(link_keys).where(known).values(row_of_link_key(key)))
    for cut in cuts:
        insert_new(db, link_cuts, {name: getattr(cut, name) for name in LinkCut.__slots__})
    return left_out


def stored_link_keys(db: DbConnection, account_id: str) -> tuple[LinkKey, ...]:
    """Return all keys of an account, also deleted ones, for its object."""
    rows = db.execute(select(link_keys).where(_K.account_id == account_id).order_by(_K.id))
    return tuple(link_key_of(row) for row in rows)


def stored_link_cuts(db: DbConnection, account_id: str) -> tuple[LinkCut, ...]:
    """Return all cuts of an account that are kept, for its object."""
    rows = db.execute(select(link_cuts).where(_C.account_id == account_id).order_by(_C.id))
    return tuple(link_cut_of(row) for row in rows)


def row_of_link_key(key: LinkKey) -> dict[str, Any]:
    """Return the columns of a key."""
    values = {name: getattr(key, name) for name in LinkKey.__slots__}
    return values | {"kinds": list(key.kinds), "networks": list(key.networks)}


def link_key_of(row: Row[Any]) -> LinkKey:
    """Return the key of a row."""
    values = {name: getattr(row, name) for name in LinkKey.__slots__}
    return LinkKey(**values | {"kinds": tuple(row.kinds), "networks": tuple(row.networks)})


def link_cut_of(row: Row[Any]) -> LinkCut:
    """Return the cut of a row."""
    return LinkCut(**{name: getattr(row, name) for name in LinkCut.__slots__})
