"""JSON of a consent policy, for its row and for the account's object."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, get_args

from vault.domain.consent.consent_event import ConsentPolicy, Keys, MissingEvidence, Mode, Withdrawal
from vault.domain.legal_rules.rule import Consent, RuleOverride
from vault.domain.stored.json_reader import Fields
from vault.rfc3339 import write_rfc3339_unchanged


def encode_policy(policy: ConsentPolicy) -> dict[str, Any]:
    """Encode a policy without its version, and the time and author of its change."""
    values = asdict(policy)
    for name in ("version", "changed_at", "changed_by"):
        del values[name]
    for override in values["overrides"]:
        override["at"] = write_rfc3339_unchanged(override["at"])
    return {"v": 1, **values}


def decode_policy(data: Mapping[str, Any], *, version: int, at: datetime, by: str) -> ConsentPolicy:
    """Decode a policy. Raises Tampered."""
    fields = Fields(data, "A consent policy")
    fields.check_version(1)
    policy = ConsentPolicy(
        version=version,
        missing_evidence=fields.one_of("missing_evidence", get_args(MissingEvidence)),
        reason=fields.maybe_text("reason"),
        withdrawal=fields.one_of("withdrawal", get_args(Withdrawal)),
        mode=fields.one_of("mode", get_args(Mode)),
        home_place=fields.maybe_text("home_place"),
        quarantine_days=fields.integer("quarantine_days"),
        keys=decode_keys_fields(fields.inner("keys")),
        overrides=tuple(_decode_override_fields(item) for item in fields.items("overrides")),
        changed_at=at,
        changed_by=by,
    )
    fields.done()
    return policy


def decode_keys_fields(fields: Fields) -> Keys:
    """Decode telephone keys. Raises Tampered."""
    keys = Keys(
        accept=fields.text("accept"), decline=fields.text("decline"), object=fields.maybe_text("object")
    )
    fields.done()
    return keys


def _decode_override_fields(fields: Fields) -> RuleOverride:
    override = RuleOverride(
        place=fields.text("place"),
        consent=fields.optional(lambda name: fields.one_of(name, get_args(Consent)), "consent"),
        notice_in_recording=fields.optional(fields.flag, "notice_in_recording"),
        capture_before_consent=fields.optional(fields.flag, "capture_before_consent"),
        tone_accepted=fields.optional(fields.flag, "tone_accepted"),
        refusal_route=fields.optional(fields.flag, "refusal_route"),
        reason=fields.text("reason"),
        author=fields.text("author"),
        at=fields.moment("at"),
    )
    fields.done()
    return override


def decode_policy_fields(fields: Fields) -> ConsentPolicy:
    """Decode a policy with its version and change, as the account's object has it. Raises Tampered."""
    policy = decode_policy(
        fields.inner("policy").rest(),
        version=fields.integer("version", least=1),
        at=fields.moment("at"),
        by=fields.text("by"),
    )
    fields.done()
    return policy
