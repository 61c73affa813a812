"""JSON of an account's rule for approvals, for the account's object and for closing acts."""

from typing import Any

from vault.domain.approvals.rule import ApprovalRule, known_verbs
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields


def encode_rule_fields(rule: ApprovalRule) -> dict[str, Any]:
    """Return a rule as a JSON object."""
    return encode_fields(rule, without={"verbs"}) | {"verbs": sorted(rule.verbs)}


def decode_rule_fields(fields: Fields) -> ApprovalRule:
    """Decode a rule; acts that this release does not know are left out. Raises Tampered."""
    verbs, version = known_verbs(fields.texts("verbs")), fields.integer("version", least=1)
    return decode_fields(ApprovalRule, fields, verbs=verbs, version=version)
