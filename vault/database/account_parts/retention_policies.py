"""The versions of the retention policy; what a person typed in them is sealed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import Select, bindparam, func, select

from vault.database.account_parts.part import ListPart, Source, Target
from vault.database.schema.core import Moment
from vault.database.schema.retention import retention_policies
from vault.database.sql.dialect import database_now, insert_new
from vault.domain.retention.policy import MAX_WAITING, RetentionPolicy
from vault.domain.stored.json_reader import Fields
from vault.domain.stored.retention_json import (
    decode_retention_policy,
    decode_version_fields,
    encode_retention_policy,
    encode_version_fields,
)


class _RetentionPolicies(ListPart[RetentionPolicy]):
    def read(self, source: Source) -> tuple[RetentionPolicy, ...]:
        return tuple(policy_of(row) for row in source.rows(retention_policies, "version"))

    def encode_one(self, item: RetentionPolicy) -> dict[str, Any]:
        return encode_version_fields(item)

    def decode_one(self, fields: Fields, account_id: str) -> RetentionPolicy:  # noqa: ARG002 - the text does not name it
        return decode_version_fields(fields)

    def replace(self, value: tuple[RetentionPolicy, ...], target: Target) -> list[str]:
        """Add versions, as below: none is ever deleted."""
        return self.add_lost(value, target)

    def add_lost(self, value: tuple[RetentionPolicy, ...], target: Target) -> list[str]:
        """Add what the account lacks, by the rule of ``restore_policies``."""
        restore_policies(target.db, target.account_id, value)
        return []


#: Every version, oldest first.
RETENTION_POLICIES = _RetentionPolicies(name="retention", words="retention policies")


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


def policy_of(row: Mapping[Any, Any]) -> RetentionPolicy:
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
    p, earlier, following = (
        retention_policies,
        retention_policies.alias("known"),
        retention_policies.alias("following"),
    )
    replaced_at = (
        select(following.c.changed_at)
        .where(following.c.account_id == earlier.c.account_id, following.c.version > earlier.c.version)
        .order_by(following.c.version)
        .limit(1)
        .scalar_subquery()
    )
    until = func.coalesce(replaced_at, bindparam("now", type_=Moment()), type_=Moment())
    current = (
        select(earlier.c.version)
        .where(earlier.c.account_id == bindparam("account_id"), earlier.c.effective_at <= until)
        .order_by(earlier.c.version.desc())
        .limit(1)
        .scalar_subquery()
    )
    mine = p.c.account_id == bindparam("account_id")
    # Without one in force, every version waits.
    return select(p).where(mine, p.c.version >= func.coalesce(current, 0)).order_by(p.c.version)


def restore_policies(db: DbConnection, account_id: str, policies: Sequence[RetentionPolicy]) -> None:
    """Insert the versions that the account lacks.

    Where two histories have different policies, the newest of the other history becomes one more version, which waits:
    until an admin has looked at both, whatever either of them keeps is kept.
    """
    p = retention_policies.c
    rows = db.execute(select(retention_policies).where(p.account_id == account_id)).mappings()
    own = {row["version"]: policy_of(row) for row in rows}
    fits = all(own[policy.version] == policy for policy in policies if policy.version in own)
    continues = not own or not policies or policies[-1].version >= max(own)
    if fits and continues:
        new = [row_of_policy(account_id, policy) for policy in policies if policy.version not in own]
        if new:
            insert_new(db, retention_policies, *new)
    elif not fits and all(
        encode_retention_policy(policy) != encode_retention_policy(policies[-1]) for policy in own.values()
    ):
        now = database_now(db)
        waits = replace(
            policies[-1],
            version=max(own) + 1,
            changed_at=now,
            changed_by="restore",
            effective_at=now + MAX_WAITING,
        )
        insert_new(db, retention_policies, row_of_policy(account_id, waits))
