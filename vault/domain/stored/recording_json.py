"""JSON of a recording's row: the common part of manifests and tombstones. It contains no personal data."""

from dataclasses import replace
from typing import Any, get_args

from vault.domain.accounts.account import SourcePolicy
from vault.domain.calls.call import Kind, Voice
from vault.domain.reason import Reason
from vault.domain.recordings.recording import Recording, SealedObject, State
from vault.domain.stored.json_reader import Fields
from vault.errors import Tampered

_SAME = (
    "id", "account_id", "connection_id", "recording_ref", "call_ref", "epoch", "received_at",
    "call_started_at", "call_ended_at", "kind", "restricted", "available_at", "erased_at",
)  # fmt: skip
_MEDIA = ("container", "codec", "channels", "sample_rate", "duration", "damaged")
_SOURCE = ("source_ref", "source_policy", "source_attempts", "source_deleted_at")


def encode_recording_fields(recording: Recording) -> dict[str, Any]:
    """Return the row as a JSON object, without attempts and quarantine, which are only needed during processing."""
    return {
        **{name: getattr(recording, name) for name in _SAME},
        "state": str(recording.state),
        "reasons": [{"code": r.code, "text": r.text, "source": r.source} for r in recording.reasons],
        "voices": list(recording.voices),
        "audio": _object(recording.audio),
        "rendition": _object(recording.rendition),
        "media": {name: getattr(recording, name) for name in _MEDIA},
        "source": {name: getattr(recording, name) for name in _SOURCE},
    }


def decode_recording_fields(fields: Fields) -> Recording:
    """Decode a recording's fields from an object that may have more fields. Raises Tampered."""
    media, source = fields.inner("media"), fields.inner("source")
    recording = Recording(
        id=_id(fields.text("id"), "rec"),
        account_id=_id(fields.text("account_id"), "acct"),
        connection_id=fields.maybe_text("connection_id"),
        recording_ref=fields.text("recording_ref"),
        call_ref=fields.text("call_ref"),
        state=fields.one_of("state", State),
        reasons=tuple(_reason(item) for item in fields.items("reasons")),
        epoch=fields.integer("epoch"),
        received_at=fields.moment("received_at"),
        call_started_at=fields.maybe_moment("call_started_at"),
        call_ended_at=fields.maybe_moment("call_ended_at"),
        attempts=0,
        kind=fields.one_of("kind", get_args(Kind)),
        voices=fields.texts_of("voices", get_args(Voice)),
        source_ref=source.maybe_text("source_ref"),
        source_policy=source.one_of("source_policy", get_args(SourcePolicy)),
        source_attempts=source.integer("source_attempts"),
        source_deleted_at=source.maybe_moment("source_deleted_at"),
        damaged=media.flag("damaged"),
        restricted=fields.flag("restricted"),
        quarantined_until=None,
        container=media.maybe_text("container"),
        codec=media.maybe_text("codec"),
        channels=media.maybe_integer("channels"),
        sample_rate=media.maybe_integer("sample_rate"),
        duration=media.maybe_number("duration"),
        audio=_sealed(fields.maybe_inner("audio")),
        rendition=_sealed(fields.maybe_inner("rendition")),
        available_at=fields.maybe_moment("available_at"),
        erased_at=fields.maybe_moment("erased_at"),
    )
    for inner in (media, source):
        inner.done()
    return recording


def _object(sealed: SealedObject | None) -> dict[str, Any] | None:
    if sealed is None:
        return None
    return {"location": sealed.location, "header": sealed.header, "size": sealed.size}


def _sealed(fields: Fields | None) -> SealedObject | None:
    if fields is None:
        return None
    sealed = SealedObject(
        location=fields.text("location"), header=fields.blob("header"), size=fields.integer("size")
    )
    fields.done()
    return sealed


def _reason(fields: Fields) -> Reason:
    reason = Reason(code=fields.text("code"), text=fields.text("text"), source=fields.maybe_text("source"))
    if reason.code == "refused_by_admin":
        # Older releases stored the admin's own words here.
        reason = replace(reason, text="An admin refused it.")
    fields.done()
    return reason


def _id(text: str, prefix: str) -> str:
    """Validate an id, which becomes a part of object store keys."""
    actual, _, digits = text.partition("_")
    if actual != prefix or not digits or not all(digit in "0123456789abcdef" for digit in digits):
        raise Tampered(f"An id must be {prefix}_ and hexadecimal digits.")
    return text
