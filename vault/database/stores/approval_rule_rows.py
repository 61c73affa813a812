"""The row of an account's rule for approvals, as its store, the account's object and a restore read and write it."""

from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import select

from vault.database.schema.approvals import approval_rules
from vault.database.sql.dialect import insert_for
from vault.domain.approvals.rule import ApprovalRule, known_verbs, tighter


def rule_of(db: DbConnection, account_id: str) -> ApprovalRule | None:
    """Return the rule of an account; None if it was never set."""
    mine = approval_rules.c.account_id == account_id
    row = db.execute(select(approval_rules).where(mine)).mappings().first()
    if row is None:
        return None
    values = {name: row[name] for name in ("enabled", "version", "changed_at", "changed_by")}
    return ApprovalRule(**values, verbs=known_verbs(row["verbs"]))


def restore_rule(db: DbConnection, account_id: str, rule: ApprovalRule | None, *, replaces: bool) -> None:
    """Bring in the rule of an account's object.

    A later version of the same history replaces the row's; otherwise the account gates what either gates, so that a
    restore never loosens a rule.
    """
    if rule is None:
        return
    own = rule_of(db, account_id)
    if own is None or (replaces and rule.version > own.version):
        put_rule(db, account_id, rule)
    elif (merged := tighter(own, rule)) != own:
        put_rule(db, account_id, merged)


def put_rule(db: DbConnection, account_id: str, rule: ApprovalRule) -> None:
    """Insert or replace the rule of an account."""
    values: dict[str, Any] = {
        "version": rule.version,
        "enabled": rule.enabled,
        "verbs": sorted(rule.verbs),
        "changed_at": rule.changed_at,
        "changed_by": rule.changed_by,
    }
    row = {"account_id": account_id, **values}
    put = insert_for(db, approval_rules).values(row)
    db.execute(put.on_conflict_do_update(index_elements=["account_id"], set_=values))
