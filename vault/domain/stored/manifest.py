"""A recording's manifest: its row, stored beside the audio so that the bucket alone is enough for a restore.

It is one JSON object. In version 2 it names the month key that wraps the recording key; the account's object has the
month key, wrapped. In version 1 a version of the account key wraps the recording key itself. Both contain the wrapped
recording key, so a recording is shredded only when the row's key and every version of its manifest are deleted. A
manifest is never under an object lock. Only recordings that passed the gate have one: the keys of all others are only
in the database, so that turning the switch off destroys them in the same transaction.

The JSON of the row is also in tombstones. It contains no personal data.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from vault.domain.accounts.account_keys import check_month_key_id
from vault.domain.calls.metadata import MetadataRow
from vault.domain.reason import Reason
from vault.domain.recordings.recording import Recording, RecordingKeys, State
from vault.domain.stored.dataclass_json import decode_fields, encode_fields, read_fields, read_some
from vault.domain.stored.json_reader import Fields, read_object, write_object
from vault.errors import Tampered

#: Needed only while a recording is processed.
_WORK = ("attempts", "quarantined_until", "origin", "not_before")
_MEDIA = ("container", "codec", "channels", "sample_rate", "duration", "damaged")
_SOURCE = ("source_ref", "source_policy", "source_attempts", "source_deleted_at")
PREFIX = "manifests/"


def encode_recording_fields(recording: Recording) -> dict[str, Any]:
    """Return the row as a JSON object, without attempts and quarantine, which are only needed during processing."""
    values = encode_fields(recording, without=_WORK)
    media, source = ({name: values.pop(name) for name in names} for names in (_MEDIA, _SOURCE))
    return values | {"media": media, "source": source}


def decode_recording_fields(fields: Fields) -> Recording:
    """Decode a recording's fields from an object that may have more fields. Raises Tampered."""
    media, source = fields.inner("media"), fields.inner("source")
    recording = read_fields(
        Recording,
        fields,
        id=_id(fields.text("id"), "rec"),
        account_id=_id(fields.text("account_id"), "acct"),
        reasons=tuple(_reason(item) for item in fields.items("reasons")),
        attempts=0,
        quarantined_until=None,
        origin=None,
        not_before=None,
        **read_some(Recording, media, _MEDIA),
        **read_some(Recording, source, _SOURCE),
    )
    for inner in (media, source):
        inner.done()
    return recording


def _reason(fields: Fields) -> Reason:
    reason = decode_fields(Reason, fields)
    if reason.code == "refused_by_admin":
        # Older releases stored the admin's own words here.
        reason = replace(reason, text="An admin refused it.")
    return reason


def _id(text: str, prefix: str) -> str:
    """Validate an id, which becomes a part of object store keys."""
    actual, _, digits = text.partition("_")
    if actual != prefix or not digits or not all(digit in "0123456789abcdef" for digit in digits):
        raise Tampered(f"An id must be {prefix}_ and hexadecimal digits.")
    return text


def prefix_of(account_id: str) -> str:
    """Return the prefix of all manifests of an account."""
    return f"{PREFIX}{account_id}/"


def location_of(account_id: str, recording_id: str) -> str:
    """Return the manifest's key in the object store."""
    return f"{prefix_of(account_id)}{recording_id}.json"


def parse_location(key: str) -> str | None:
    """Return the id of the recording whose manifest has this key; None for another key."""
    _, _, name = key.rpartition("/")
    return name.removesuffix(".json") if key.startswith(PREFIX) and name.endswith(".json") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of a manifest: a whole row."""

    recording: Recording
    keys: RecordingKeys
    #: The evidence entries after sealing: digests in hexadecimal, and the sealed entries.
    chain: tuple[tuple[str, bytes], ...]
    #: That of its call, and its own; a manifest without any has no such field, as those of earlier releases.
    metadata: tuple[MetadataRow, ...] = ()


def encode_manifest(
    recording: Recording,
    keys: RecordingKeys,
    chain: Sequence[tuple[str, bytes]] = (),
    metadata: Sequence[MetadataRow] = (),
) -> bytes:
    """Encode the manifest of an available recording. Personal data is only in its sealed fields.

    ``chain`` has the evidence entries after sealing: digests in hexadecimal, and the sealed entries. ``metadata`` is
    that of its call and its own.
    """
    values = {
        **encode_recording_fields(recording),
        "key_version": keys.key_version,
        "wrapped_key": keys.wrapped_key,
        "evidence": keys.evidence,
        "evidence_chain": [{"digest": digest, "sealed": sealed} for digest, sealed in chain],
        "details": keys.details,
        "waveform": keys.waveform,
    }
    if metadata:
        values["metadata"] = [
            {
                "of": "recording" if row.recording_id else "call",
                "sealed": row.sealed,
                "changed_at": row.changed_at,
            }
            for row in metadata
        ]
    if keys.month_key is None:
        return write_object(values)
    return write_object(values | {"month_key": keys.month_key}, version=2)


def decode_manifest(data: bytes) -> Manifest:
    """Decode a manifest of either version. Raises Tampered for anything that ``encode_manifest`` does not write."""
    fields = read_object(data, "A manifest", versions=(1, 2))
    recording = decode_recording_fields(fields)
    keys = RecordingKeys(
        key_version=fields.integer("key_version", least=1),
        wrapped_key=fields.blob("wrapped_key"),
        evidence=fields.text("evidence"),
        details=fields.nullable(fields.blob, "details"),
        waveform=fields.nullable(fields.blob, "waveform"),
        month_key=check_month_key_id(fields.text("month_key")) if fields.version == 2 else None,  # noqa: PLR2004 - see above
    )
    chain = []
    for entry in fields.items("evidence_chain"):
        chain.append((entry.text("digest"), entry.blob("sealed")))
        entry.done()
    metadata = [_metadata(entry, recording) for entry in fields.optional(fields.items, "metadata") or []]
    fields.done()
    if recording.state is not State.AVAILABLE or recording.audio is None:
        raise Tampered("A manifest's recording is not available, or has no audio.")
    return Manifest(recording=recording, keys=keys, chain=tuple(chain), metadata=tuple(metadata))


def _metadata(entry: Fields, recording: Recording) -> MetadataRow:
    row = MetadataRow(
        account_id=recording.account_id,
        call_ref=recording.call_ref,
        recording_id=recording.id if entry.one_of("of", ("call", "recording")) == "recording" else "",
        sealed=entry.text("sealed"),
        changed_at=entry.moment("changed_at"),
    )
    entry.done()
    return row
