"""The rule that says which acts a second person approves."""

from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import select

from vault.database.account_parts.part import OptionalPart, Source, Target, of_row, row_of
from vault.database.schema.approvals import approval_rules
from vault.database.sql.dialect import insert_for
from vault.domain.approvals.rule import ApprovalRule, known_verbs, tighter
from vault.domain.stored.account_json import decode_approval_rule, encode_approval_rule
from vault.domain.stored.json_reader import Fields


class _ApprovalRule(OptionalPart[ApprovalRule]):
    def read(self, source: Source) -> ApprovalRule | None:
        return rule_of(source.db, source.account_id)

    def encode_one(self, item: ApprovalRule) -> dict[str, Any]:
        return encode_approval_rule(item)

    def decode_one(self, fields: Fields, account_id: str) -> ApprovalRule:  # noqa: ARG002 - the text does not name it
        return decode_approval_rule(fields)

    def replace(self, value: ApprovalRule | None, target: Target) -> list[str]:
        """Take a later version of the rule; otherwise as below."""
        own = rule_of(target.db, target.account_id)
        if value is not None and own is not None and value.version > own.version:
            put_rule(target.db, target.account_id, value)
            return []
        return self.add_lost(value, target)

    def add_lost(self, value: ApprovalRule | None, target: Target) -> list[str]:
        """Let the account gate what either rule gates, so that a restore never loosens one."""
        if value is None:
            return []
        own = rule_of(target.db, target.account_id)
        merged = value if own is None else tighter(own, value)
        if merged != own:
            put_rule(target.db, target.account_id, merged)
        return []


APPROVAL_RULE = _ApprovalRule(name="approval_rule", words="the rule for approvals")


def rule_of(db: DbConnection, account_id: str) -> ApprovalRule | None:
    """Return the rule of an account; None if it was never set."""
    mine = approval_rules.c.account_id == account_id
    row = db.execute(select(approval_rules).where(mine)).mappings().first()
    return None if row is None else of_row(ApprovalRule, row, verbs=known_verbs(row["verbs"]))


def put_rule(db: DbConnection, account_id: str, rule: ApprovalRule) -> None:
    """Insert or replace the rule of an account."""
    values = row_of(rule, verbs=sorted(rule.verbs))
    put = insert_for(db, approval_rules).values(account_id=account_id, **values)
    db.execute(put.on_conflict_do_update(index_elements=["account_id"], set_=values))
