"""Tombstones: the remaining data of recordings that were refused, failed or erased.

Refusals and erasures are permanent for each recording reference of a source; without tombstones a restored vault
would accept such a recording again. Several are in one object, which is written once and never changed. They
contain no keys and no personal data and are not sealed: reading them must not depend on a version of the account
key that may have been destroyed.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from vault.domain.recordings.recording import Recording, State
from vault.domain.stored.json_reader import read_object, write_object
from vault.domain.stored.manifest import decode_recording_fields, encode_recording_fields
from vault.errors import Tampered

#: Final states: they change only by erasure or, for a failed upload, by a retry of the client.
FINAL = (State.REFUSED, State.FAILED, State.ERASED)
#: Maximum per object, so that an object is far below 1 MiB.
MAX_TOMBSTONES = 200
PREFIX = "tombstones/"


def prefix_of(account_id: str) -> str:
    """Return the prefix of all objects of an account."""
    return f"{PREFIX}{account_id}/"


def location_of(account_id: str, at: datetime, attempt: str) -> str:
    """Return the key of an object that is written now; ``attempt`` is random.

    Keys are in the order of time, so that a restore lists only the latest. The ``t`` sorts after the random names of
    earlier releases.
    """
    return f"{prefix_of(account_id)}tomb_t{_micros(at):016x}{attempt}.json"


def since(account_id: str, at: datetime) -> str:
    """Return a key between those of the objects written before ``at`` and those written later."""
    return f"{prefix_of(account_id)}tomb_t{_micros(at):016x}"


def _micros(at: datetime) -> int:
    return max(0, (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))


def encode_tombstones(account_id: str, recordings: Sequence[Recording]) -> bytes:
    """Encode recordings of one account, without the locations of their audio."""
    bare = [replace(recording, audio=None, rendition=None) for recording in recordings]
    return write_object(
        {"account_id": account_id, "recordings": [encode_recording_fields(each) for each in bare]}
    )


def decode_tombstones(data: bytes) -> list[Recording]:
    """Decode tombstones. Raises Tampered."""
    fields = read_object(data, "An object of tombstones")
    account_id = fields.text("account_id")
    recordings = []
    for item in fields.items("recordings"):
        recording = decode_recording_fields(item)
        item.done()
        if recording.account_id != account_id or recording.state not in FINAL or recording.audio is not None:
            raise Tampered("A tombstone has another account, a state that is not final, or audio.")
        recordings.append(recording)
    fields.done()
    return recordings
