"""Tombstones: what is left of recordings that were refused, failed or erased, by the name of their source.

Refusals are sticky for each name that a source gives its recording, and so are erasures; without these a
restored vault would take such a recording in once more. Several stand in one object, which is written
once and never changed. They hold no key and say nothing of people, so they are not sealed: what reads
them must not depend on a version of the account key that was destroyed meanwhile.
"""

from collections.abc import Sequence
from dataclasses import replace

from vault.domain.recordings.recording import Recording, State
from vault.domain.stored.json_reader import read_object, write_object
from vault.domain.stored.recording_json import read_recording, recording_json
from vault.errors import Tampered

#: Final states: only erasing leaves them, or, for a failed upload, sending it again.
FINAL = (State.REFUSED, State.FAILED, State.ERASED)
#: Tombstones in one object, so that each is far below a mebibyte.
MAX_TOMBSTONES = 200
PREFIX = "tombstones/"


def location_of(account_id: str, name: str) -> str:
    """Return the key of an object with tombstones; the name is random."""
    return f"{PREFIX}{account_id}/{name}.json"


def encode_tombstones(account_id: str, recordings: Sequence[Recording]) -> bytes:
    """Write recordings of one account, without what pointed to their audio."""
    bare = [replace(one, audio=None, rendition=None) for one in recordings]
    return write_object({"account_id": account_id, "recordings": [recording_json(one) for one in bare]})


def decode_tombstones(data: bytes) -> list[Recording]:
    """Read tombstones back. Raises Tampered."""
    fields = read_object(data, "An object with tombstones")
    account_id = fields.text("account_id")
    recordings = []
    for one in fields.items("recordings"):
        recording = read_recording(one)
        one.done()
        if recording.account_id != account_id or recording.state not in FINAL or recording.audio is not None:
            raise Tampered("A tombstone is not one of this account.")
        recordings.append(recording)
    fields.done()
    return recordings
