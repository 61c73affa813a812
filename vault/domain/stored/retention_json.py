"""JSON of holds and retention policies, for their rows, for the account's object and for closing acts."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from vault.domain.retention.hold import Hold, RecordingSelection
from vault.domain.retention.period import Period, parse_period
from vault.domain.retention.policy import RetentionClass, RetentionPolicy
from vault.domain.stored.dataclass_json import add_scalar, decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields
from vault.errors import Invalid, Tampered
from vault.rfc3339 import write_rfc3339_unchanged

_CHANGE = ("version", "changed_at", "changed_by", "effective_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHold:
    """A hold as in its row."""

    hold: Hold
    #: Name, reason and numbers, sealed as a person's words.
    sealed_text: str


def encode_hold_fields(stored: StoredHold) -> dict[str, Any]:
    """Return a hold as a JSON object, without its account."""
    rest = {"covers": encode_covers(stored.hold.covers), "text": stored.sealed_text}
    return encode_fields(stored.hold, without={"account_id", "covers"}) | rest


def decode_hold_fields(fields: Fields, account_id: str) -> StoredHold:
    """Decode a hold. Raises Tampered."""
    covers, text = decode_covers(fields.inner("covers").rest()), fields.text("text")
    hold = decode_fields(Hold, fields, account_id=account_id, covers=covers)
    return StoredHold(hold=hold, sealed_text=text)


def encode_version_fields(policy: RetentionPolicy) -> dict[str, Any]:
    """Return one version of a policy as a JSON object."""
    return {
        "version": policy.version,
        "at": policy.changed_at,
        "by": policy.changed_by,
        "effective_at": policy.effective_at,
        "policy": encode_retention_policy(policy),
    }


def decode_version_fields(fields: Fields) -> RetentionPolicy:
    """Decode one version of a policy. Raises Tampered."""
    policy = decode_retention_policy(
        fields.inner("policy").rest(),
        version=fields.integer("version", least=1),
        at=fields.moment("at"),
        by=fields.text("by"),
        effective_at=fields.moment("effective_at"),
    )
    fields.done()
    return policy


def encode_covers(covers: RecordingSelection) -> dict[str, Any]:
    """Encode what a hold covers."""
    return {
        "recordings": sorted(covers.recordings),
        "calls": sorted(covers.calls),
        "terms": sorted(base64.b64encode(term).decode() for term in covers.terms),
        "from": None if covers.from_ is None else write_rfc3339_unchanged(covers.from_),
        "to": None if covers.to is None else write_rfc3339_unchanged(covers.to),
        "everything": covers.everything,
    }


def decode_covers(data: Mapping[str, Any]) -> RecordingSelection:
    """Decode what a hold covers. Raises Tampered."""
    fields = Fields(data, "What a hold covers")
    try:
        terms = frozenset(binascii.a2b_base64(term, strict_mode=True) for term in fields.texts("terms"))
    except (binascii.Error, ValueError):
        raise Tampered("What a hold covers has terms that are not base64.") from None
    return decode_fields(
        RecordingSelection,
        fields,
        recordings=frozenset(fields.texts("recordings")),
        calls=frozenset(fields.texts("calls")),
        terms=terms,
        from_=fields.nullable(fields.moment, "from"),
    )


def encode_retention_policy(policy: RetentionPolicy) -> dict[str, Any]:
    """Encode a policy without its version, and the times and author of its change."""
    classes = [_encode_class_fields(one) for one in policy.classes]
    own = encode_fields(policy, without={*_CHANGE, "classes", "waiting"})
    return {"v": 1, "classes": classes, **own, "waiting_days": policy.waiting.days}


def decode_retention_policy(
    data: Mapping[str, Any], *, version: int, at: datetime, by: str, effective_at: datetime
) -> RetentionPolicy:
    """Decode a policy. Raises Tampered: then nothing is erased by it."""
    fields = Fields(data, "A retention policy")
    fields.check_version(1)
    return decode_fields(
        RetentionPolicy,
        fields,
        version=version,
        waiting=timedelta(days=fields.integer("waiting_days")),
        changed_at=at,
        changed_by=by,
        effective_at=effective_at,
    )


def _encode_class_fields(retention_class: RetentionClass) -> dict[str, Any]:
    periods = {name: getattr(retention_class, name) for name in ("period", "minimum", "maximum")}
    return encode_fields(retention_class) | {
        name: None if one is None else str(one) for name, one in periods.items()
    }


def _read_period(fields: Fields, name: str) -> Period:
    try:
        return parse_period(fields.text(name))
    except Invalid as error:
        raise Tampered(f"A retention policy has a {name} that is not a period.") from error


add_scalar(Period, _read_period)
