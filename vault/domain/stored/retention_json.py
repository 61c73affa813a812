"""JSON of holds and retention policies, for their rows, for the account's object and for closing acts."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

from vault.domain.calls.call import Direction
from vault.domain.retention.hold import Hold, RecordingSelection
from vault.domain.retention.object_lock import LOCK_SETTINGS
from vault.domain.retention.period import Period, parse_period
from vault.domain.retention.policy import (
    MINIMUM_GROUNDS,
    PERIOD_STARTS,
    AtEnd,
    ConflictDecision,
    Match,
    RetentionClass,
    RetentionPolicy,
    Winner,
)
from vault.domain.stored.json_reader import Fields
from vault.errors import Invalid, Tampered
from vault.rfc3339 import write_rfc3339_unchanged

_HOLD_TIMES = ("ends_at", "released_at", "free_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHold:
    """A hold as in its row."""

    hold: Hold
    #: Name, reason and numbers, sealed as a person's words.
    sealed_text: str


def encode_hold_fields(stored: StoredHold) -> dict[str, Any]:
    """Return a hold as a JSON object, without its account."""
    hold = stored.hold
    return {
        "id": hold.id,
        "covers": encode_covers(hold.covers),
        "text": stored.sealed_text,
        "placed_at": hold.placed_at,
        "placed_by": hold.placed_by,
        "released_by": hold.released_by,
        **{name: getattr(hold, name) for name in _HOLD_TIMES},
    }


def decode_hold_fields(fields: Fields, account_id: str) -> StoredHold:
    """Decode a hold. Raises Tampered."""
    hold = Hold(
        id=fields.text("id"),
        account_id=account_id,
        covers=decode_covers(fields.inner("covers").rest()),
        placed_at=fields.moment("placed_at"),
        placed_by=fields.text("placed_by"),
        released_by=fields.maybe_text("released_by"),
        **{name: fields.maybe_moment(name) for name in _HOLD_TIMES},
    )
    stored = StoredHold(hold=hold, sealed_text=fields.text("text"))
    fields.done()
    return stored


def encode_retention_fields(
    holds: Sequence[StoredHold], policies: Sequence[RetentionPolicy]
) -> dict[str, Any]:
    """Return the fields of an account's object; none where there is nothing, as in earlier releases."""
    fields: dict[str, Any] = {}
    if holds:
        fields["holds"] = [encode_hold_fields(stored) for stored in holds]
    if policies:
        fields["retention"] = [encode_version_fields(policy) for policy in policies]
    return fields


def decode_retention_fields(
    fields: Fields, account_id: str
) -> tuple[tuple[StoredHold, ...], tuple[RetentionPolicy, ...]]:
    """Decode the holds and the retention policies in an account's object. Raises Tampered."""
    holds = fields.items("holds") if fields.has("holds") else ()
    policies = fields.items("retention") if fields.has("retention") else ()
    return (
        tuple(decode_hold_fields(item, account_id) for item in holds),
        tuple(decode_version_fields(item) for item in policies),
    )


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
    covers = RecordingSelection(
        recordings=frozenset(fields.texts("recordings")),
        calls=frozenset(fields.texts("calls")),
        terms=terms,
        from_=fields.maybe_moment("from"),
        to=fields.maybe_moment("to"),
        everything=fields.flag("everything"),
    )
    fields.done()
    return covers


def encode_retention_policy(policy: RetentionPolicy) -> dict[str, Any]:
    """Encode a policy without its version, and the times and author of its change."""
    # Earlier releases read policies without locks, and refuse those with one.
    lock = {} if policy.object_lock == "off" else {"object_lock": policy.object_lock}
    return {
        **lock,
        "v": 1,
        "classes": [_encode_class_fields(kept) for kept in policy.classes],
        "decisions": [
            {name: getattr(decision, name) for name in ConflictDecision.__slots__}
            for decision in policy.decisions
        ],
        "time_zone": policy.time_zone,
        "waiting_days": policy.waiting.days,
        "told_reason": policy.told_reason,
    }


def decode_retention_policy(
    data: Mapping[str, Any], *, version: int, at: datetime, by: str, effective_at: datetime
) -> RetentionPolicy:
    """Decode a policy. Raises Tampered: then nothing is erased by it."""
    fields = Fields(data, "A retention policy")
    fields.check_version(1)
    policy = RetentionPolicy(
        version=version,
        classes=tuple(_decode_class_fields(item) for item in fields.items("classes")),
        decisions=tuple(_decode_decision_fields(item) for item in fields.items("decisions")),
        time_zone=fields.text("time_zone"),
        waiting=timedelta(days=fields.integer("waiting_days")),
        told_reason=fields.maybe_text("told_reason"),
        object_lock=fields.one_of("object_lock", LOCK_SETTINGS) if fields.has("object_lock") else "off",
        changed_at=at,
        changed_by=by,
        effective_at=effective_at,
    )
    fields.done()
    return policy


def _encode_class_fields(kept: RetentionClass) -> dict[str, Any]:
    periods = {name: getattr(kept, name) for name in ("period", "minimum", "maximum")}
    return {
        **{name: None if period is None else str(period) for name, period in periods.items()},
        **{name: getattr(kept, name) for name in ("name", "purpose", "starts", "statute", "at_end")},
        "minimum_ground": kept.minimum_ground,
        "match": {name: getattr(kept.match, name) for name in Match.__slots__},
    }


def _decode_class_fields(fields: Fields) -> RetentionClass:
    match = fields.inner("match")
    kept = RetentionClass(
        name=fields.text("name"),
        purpose=fields.text("purpose"),
        starts=fields.one_of("starts", PERIOD_STARTS),
        statute=fields.maybe_text("statute"),
        at_end=fields.one_of("at_end", get_args(AtEnd)),
        minimum_ground=fields.optional(lambda name: fields.one_of(name, MINIMUM_GROUNDS), "minimum_ground"),
        match=Match(
            direction=match.optional(lambda name: match.one_of(name, get_args(Direction)), "direction"),
            agent=match.maybe_text("agent"),
            place=match.maybe_text("place"),
        ),
        period=_decode_period(fields, "period"),
        minimum=_decode_period(fields, "minimum"),
        maximum=_decode_period(fields, "maximum"),
    )
    match.done()
    fields.done()
    return kept


def _decode_period(fields: Fields, name: str) -> Period | None:
    text = fields.maybe_text(name)
    try:
        return None if text is None else parse_period(text)
    except Invalid as error:
        raise Tampered(f"A retention policy has a {name} that is not a period.") from error


def _decode_decision_fields(fields: Fields) -> ConflictDecision:
    decision = ConflictDecision(
        minimum_of=fields.text("minimum_of"),
        maximum_of=fields.text("maximum_of"),
        applies=fields.one_of("applies", get_args(Winner)),
        reason=fields.text("reason"),
    )
    fields.done()
    return decision
