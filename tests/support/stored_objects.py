"""One of each object that the vault stores, with a value in every field."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from vault.domain.consent.consent_event import Objection
from vault.domain.reason import Reason
from vault.domain.recordings.recording import Recording, RecordingKeys, SealedObject, State
from vault.domain.stored.account_envelope import Envelope
from vault.domain.stored.account_json import StoredObjection
from vault.domain.stored.manifest import encode_manifest
from vault.domain.stored.tombstone import encode_tombstones
from vault.domain.stored.vault_facts import VaultObject

AT = datetime(2026, 11, 2, 12, 0, 0, 123456, tzinfo=UTC)
ACCOUNT = "acct_" + "a" * 32
RECORDING = Recording(
    id="rec_" + "1" * 32, account_id=ACCOUNT, connection_id="conn_1", recording_ref="r/é", call_ref="c",
    state=State.AVAILABLE, reasons=(), epoch=3, received_at=AT, call_started_at=AT - timedelta(minutes=2),
    call_ended_at=None, attempts=0, kind="voicemail", voices=("caller", "all"), source_ref="RE1",
    source_policy="always", source_attempts=2, source_deleted_at=AT, damaged=True, restricted=True,
    quarantined_until=None, container="wav", codec="pcm_mulaw", channels=2, sample_rate=8000, duration=34.25,
    audio=SealedObject(location="recordings/a/r/x.audio", header=b"\x00head", size=2**40), rendition=None,
    available_at=AT, erased_at=None,
)  # fmt: skip
KEYS = RecordingKeys(
    key_version=7, month_key=None, wrapped_key=b"\xff" * 48, evidence="ab" * 32, details=b"d", waveform=None
)
MANIFEST = encode_manifest(RECORDING, KEYS, [("cd" * 32, b"one"), ("ef" * 32, b"two")])
GONE = replace(
    RECORDING, state=State.REFUSED, audio=None, reasons=(Reason(code="off", text="It was off.", source="s"),)
)
TOMBSTONES = encode_tombstones(ACCOUNT, [GONE, replace(GONE, state=State.ERASED, erased_at=AT, reasons=())])
ENVELOPE = Envelope(account_id=ACCOUNT, revision=12, keys={1: b"one", 20: b"two"}, sealed=b"sealed")
OBJECTION = StoredObjection(
    id="obj_1", term=b"term", sealed_number=b"n", key_version=20,
    objection=Objection(since=AT, until=None, reason=None, by="key_1"),
)  # fmt: skip
VAULT = VaultObject(vault_id="vault_1", root_key_proof=b"p", log_name="vault.example/log", log_key=b"k")
