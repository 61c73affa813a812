"""Rows of holds and retention policies, as their stores, the account's object and a restore read and write them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import Select, bindparam, func, select, update

from vault.database.schema.core import Moment
from vault.database.schema.retention import holds, retention_policies
from vault.database.sql.dialect import database_now, insert_new
from vault.domain.retention.hold import Hold
from vault.domain.retention.policy import MAX_WAITING, RetentionPolicy
from vault.domain.stored.retention_json import (
    StoredHold,
    decode_covers,
    decode_retention_policy,
    encode_covers,
    encode_retention_policy,
)

_RELEASE = ("released_at", "released_by", "free_at")


def row_of_hold(stored: StoredHold) -> dict[str, Any]:
    """Return a hold as its row."""
    hold = stored.hold
    row = {name: getattr(hold, name) for name in Hold.__slots__}
    return row | {"covers": encode_covers(hold.covers), "sealed_text": stored.sealed_text}


def hold_of(row: Any) -> StoredHold:
    """Convert the columns of a row, by name, to a hold."""
    hold = Hold(**{name: row[name] for name in Hold.__slots__} | {"covers": decode_covers(row["covers"])})
    return StoredHold(hold=hold, sealed_text=row["sealed_text"])


def row_of_policy(account_id: str, policy: RetentionPolicy) -> dict[str, Any]:
    """Return a version of a policy as its row."""
    return {
        "account_id": account_id,
        "version": policy.version,
        "policy": encode_retention_policy(policy),
        "changed_at": policy.changed_at,
        "changed_by": policy.changed_by,
        "effective_at": policy.effective_at,
    }


def policy_of(row: Any) -> RetentionPolicy:
    """Convert the columns of a row, by name, to a version of a policy. Raises Tampered."""
    return decode_retention_policy(
        row["policy"],
        version=row["version"],
        at=row["changed_at"],
        by=row["changed_by"],
        effective_at=row["effective_at"],
    )


def not_replaced() -> Select[Any]:
    """Return the query for the version in force and all later ones, as ``in_force`` finds it among all versions.

    It reads from the newest version back to the one in force: a policy that is set every day has hundreds before it.
    """
    p, known, following = (
        retention_policies,
        retention_policies.alias("known"),
        retention_policies.alias("following"),
    )
    replaced_at = (
        select(following.c.changed_at)
        .where(following.c.account_id == known.c.account_id, following.c.version > known.c.version)
        .order_by(following.c.version)
        .limit(1)
        .scalar_subquery()
    )
    until = func.coalesce(replaced_at, bindparam("now", type_=Moment()), type_=Moment())
    current = (
        select(known.c.version)
        .where(known.c.account_id == bindparam("account_id"), known.c.effective_at <= until)
        .order_by(known.c.version.desc())
        .limit(1)
        .scalar_subquery()
    )
    mine = p.c.account_id == bindparam("account_id")
    # Without one in force, every version waits.
    return select(p).where(mine, p.c.version >= func.coalesce(current, 0)).order_by(p.c.version)


def restore_hold(db: DbConnection, stored: StoredHold) -> None:
    """Insert a hold from the object store, or complete it: a release that either side knows stands."""
    row = row_of_hold(stored)
    if not insert_new(db, holds, row) and stored.hold.free_at is not None:
        mine = (holds.c.id == stored.hold.id) & holds.c.free_at.is_(None)
        db.execute(update(holds).where(mine).values({name: row[name] for name in _RELEASE}))


def restore_policies(db: DbConnection, account_id: str, policies: Sequence[RetentionPolicy]) -> None:
    """Insert the versions that the account lacks.

    Where two histories have different policies, the newest of the other history becomes one more version, which waits:
    until an admin has looked at both, whatever either of them keeps is kept.
    """
    p = retention_policies.c
    rows = db.execute(select(retention_policies).where(p.account_id == account_id)).mappings()
    known = {row["version"]: policy_of(row) for row in rows}
    fits = all(known[policy.version] == policy for policy in policies if policy.version in known)
    continues = not known or not policies or policies[-1].version >= max(known)
    if fits and continues:
        new = [row_of_policy(account_id, policy) for policy in policies if policy.version not in known]
        if new:
            insert_new(db, retention_policies, *new)
    elif not fits and all(
        encode_retention_policy(policy) != encode_retention_policy(policies[-1]) for policy in known.values()
    ):
        now = database_now(db)
        waits = replace(
            policies[-1],
            version=max(known) + 1,
            changed_at=now,
            changed_by="restore",
            effective_at=now + MAX_WAITING,
        )
        insert_new(db, retention_policies, row_of_policy(account_id, waits))
