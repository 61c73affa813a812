"""JSON of what an account's object and others have alike: its objections, consent policies and rule for approvals."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vault.domain.approvals.rule import ApprovalRule, known_verbs
from vault.domain.consent.consent_event import ConsentPolicy, Objection
from vault.domain.field_types import FromOne
from vault.domain.legal_rules.rule import RuleOverride
from vault.domain.stored.dataclass_json import decode_fields, encode_fields, read_fields
from vault.domain.stored.json_reader import Fields
from vault.rfc3339 import write_rfc3339_unchanged

_CHANGE = ("version", "changed_at", "changed_by")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObjection:
    """An objection with its number, as in the row."""

    id: str
    #: Keyed hash of the number, for search.
    term: bytes
    sealed_number: bytes
    key_version: FromOne
    objection: Objection


def encode_objection_fields(stored: StoredObjection) -> dict[str, Any]:
    """Return an objection as a JSON object."""
    return encode_fields(stored, without={"objection"}) | encode_fields(stored.objection)


def decode_objection_fields(fields: Fields) -> StoredObjection:
    """Decode an objection. Raises Tampered."""
    objection = read_fields(Objection, fields)
    return decode_fields(StoredObjection, fields, objection=objection)


def encode_approval_rule(rule: ApprovalRule) -> dict[str, Any]:
    """Return a rule for approvals as a JSON object."""
    return encode_fields(rule, without={"verbs"}) | {"verbs": sorted(rule.verbs)}


def decode_approval_rule(fields: Fields) -> ApprovalRule:
    """Decode a rule for approvals; acts that this release does not know are left out. Raises Tampered."""
    verbs, version = known_verbs(fields.texts("verbs")), fields.integer("version", least=1)
    return decode_fields(ApprovalRule, fields, verbs=verbs, version=version)


def encode_policy(policy: ConsentPolicy) -> dict[str, Any]:
    """Encode a consent policy without its version, and the time and author of its change."""
    values = encode_fields(policy, without=_CHANGE)
    for override in values["overrides"]:
        override["at"] = write_rfc3339_unchanged(override["at"])
    return {"v": 1, **values}


def decode_policy(data: Mapping[str, Any], *, version: int, at: datetime, by: str) -> ConsentPolicy:
    """Decode a consent policy. Raises Tampered."""
    fields = Fields(data, "A consent policy")
    fields.check_version(1)
    overrides = tuple(decode_fields(RuleOverride, one, sparse=True) for one in fields.items("overrides"))
    return decode_fields(
        ConsentPolicy, fields, overrides=overrides, version=version, changed_at=at, changed_by=by
    )
