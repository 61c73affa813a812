"""JSON of an account's rule for approvals, for the account's object and for closing acts."""

from typing import Any

from vault.domain.approvals.rule import ApprovalRule, known_verbs
from vault.domain.stored.json_reader import Fields


def encode_rule_fields(rule: ApprovalRule) -> dict[str, Any]:
    """Return a rule as a JSON object."""
    return {
        "version": rule.version,
        "enabled": rule.enabled,
        "verbs": sorted(rule.verbs),
        "changed_at": rule.changed_at,
        "changed_by": rule.changed_by,
    }


def decode_rule_fields(fields: Fields) -> ApprovalRule:
    """Decode a rule; acts that this release does not know are left out. Raises Tampered."""
    rule = ApprovalRule(
        version=fields.integer("version", least=1),
        enabled=fields.flag("enabled"),
        verbs=known_verbs(fields.texts("verbs")),
        changed_at=fields.maybe_moment("changed_at"),
        changed_by=fields.maybe_text("changed_by"),
    )
    fields.done()
    return rule


def encode_account_rule(rule: ApprovalRule | None) -> dict[str, Any]:
    """Return the field of an account's object; none where no rule was set, as in earlier releases."""
    return {} if rule is None else {"approval_rule": encode_rule_fields(rule)}


def decode_account_rule(fields: Fields) -> ApprovalRule | None:
    """Decode the rule in an account's object. Raises Tampered."""
    return decode_rule_fields(fields.inner("approval_rule")) if fields.has("approval_rule") else None
