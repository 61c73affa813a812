"""One of each object that the vault stores, with a value in every field."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from vault.domain.accounts.account import Account, Connection, Switch, SwitchChange
from vault.domain.consent.consent_event import ConsentPolicy, Keys, Objection
from vault.domain.legal_rules.rule import RuleOverride
from vault.domain.notices.notice import Notice
from vault.domain.reason import Reason
from vault.domain.recordings.recording import Recording, RecordingKeys, SealedObject, State
from vault.domain.stored.account_envelope import Envelope
from vault.domain.stored.account_object import AccountObject, StoredObjection
from vault.domain.stored.manifest import encode_manifest
from vault.domain.stored.tombstone import encode_tombstones
from vault.domain.stored.vault_object import VaultObject

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
KNOWN = AccountObject(
    account=Account(id=ACCOUNT, ref="acme", name="Acme", locale="en", opened_at=AT),
    revision=12,
    as_of=AT,
    keys=ENVELOPE.keys,
    wrapped_index_key=b"index",
    index_key_version=1,
    detail_keys={1: (b"detail", 20)},
    switch=Switch(enabled=False, epoch=1, changed_at=AT, changed_by="key_1"),
    history=(
        SwitchChange(enabled=True, epoch=0, at=AT - timedelta(days=1), by="vault", reason=None),
        SwitchChange(enabled=False, epoch=1, at=AT, by="key_1", reason="why"),
    ),
    policies=(
        ConsentPolicy(
            version=1, mode="announce", home_place="FR", keys=Keys(accept="5"), changed_at=AT, changed_by="key_1",
            overrides=(RuleOverride(place="DE", reason="r", author="key_1", at=AT),),
        ),
    ),
    connections=(
        Connection(
            id="conn_1", account_id=ACCOUNT, name="main", provider="platform", sealed_credentials=b"c",
            key_version=20, api_base=None, delete_at_source=True, delete_refused=False, collect_from=AT,
            next_url="https://example.test/", pause_refused=False,
        ),
    ),
    objections=(
        StoredObjection(
            id="obj_1", term=b"term", sealed_number=b"n", key_version=20,
            objection=Objection(since=AT, until=None, reason=None, by="key_1"),
        ),
    ),
    notices=(
        Notice(
            id="ntc_1", account_id=ACCOUNT, language="en", audience="caller", mode="announce", places=("FR",),
            controller="Acme", purposes="p", refusal="r", full_notice="f", retention="", text="t",
            text_sha256="00", audio_sha256="11", audio_seconds=1.5, status="published", version=1, created_at=AT,
            created_by="key_1", published_at=AT, retired_at=None,
        ),
    ),
    prompts={"ntc_1": ("22", 20)},
)  # fmt: skip
VAULT = VaultObject(vault_id="vault_1", root_key_proof=b"p", log_name="vault.example/log", log_key=b"k")
