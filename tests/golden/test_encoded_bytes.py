"""What is stored has the same bytes for ever: each encoder is compared with what an earlier release wrote.

``encoded-v1/`` was written once and is never written again. A format that changes has a new version, and files beside
the old ones. Of what is deflated only the reading is compared: another zlib may find other bytes for the same text.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.support.stored_account import EVERY, KNOWN, MONTH_KEY, MONTHLY, NEWEST, WHOLE
from tests.support.stored_objects import (
    ACCOUNT,
    AT,
    ENVELOPE,
    GONE,
    KEYS,
    MANIFEST,
    OBJECTION,
    RECORDING,
    TOMBSTONES,
    VAULT,
)
from vault.database.account_object import decode_account, encode_account
from vault.domain.accounts.account import SwitchChange
from vault.domain.admission.decision import Decision, Place
from vault.domain.audit_log.access_event import AccessEvent, parse_event
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.calls.call import Announcement, CallFacts
from vault.domain.consent.consent_event import ConsentEvent, NoticeVersion
from vault.domain.reason import Reason
from vault.domain.stored import closing_acts, evidence, sealed_records, vault_facts
from vault.domain.stored.account_envelope import encode_envelope
from vault.domain.stored.closing_acts import Act
from vault.domain.stored.closing_content import ConsentRefusal, ErasedCall
from vault.domain.stored.evidence import Details, decode_details
from vault.domain.stored.manifest import decode_manifest, encode_manifest
from vault.domain.stored.sealed_records import decode_event, encode_event
from vault.domain.stored.vault_facts import encode_vault
from vault.tlog.key_statement import KeyStatement

FILES = Path(__file__).parent / "encoded-v1"
MONTH = MONTH_KEY.id
#: The second form of a manifest.
MONTHLY_KEYS = replace(KEYS, month_key=MONTH)
#: Half past five east of Greenwich, and without microseconds: offsets are kept where they always were.
EAST = datetime(2026, 11, 2, 17, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
FACTS = CallFacts(
    call_ref="call/é", direction="inbound", caller="+12025550100", callee="+12025550199", started_at=EAST,
    answered_at=AT, ended_at=AT.replace(microsecond=0), agent="Ada", caller_place="US-WA", language="en",
)  # fmt: skip
FEW_FACTS = CallFacts(call_ref="c")
ANNOUNCEMENT = Announcement(
    recording_ref="r",
    url="https://media.example/r.wav",
    source_ref="s",
    kind="voicemail",
    voices=("caller", "all"),
)
DETAILS = Details(sha256=bytes(range(32)), facts=FACTS, evidence=b"canonical \x00")
SALT, EVIDENCE = bytes(range(32)), (FILES / "evidence_sealing").read_bytes()
CREDENTIALS = [{"secret": "new"}, {"secret": "old", "other": "é"}]
NOTICE = NoticeVersion(id="ntc_1", version=3, language="en", text_sha256="00", audio_sha256=None)
EVENT = ConsentEvent(
    id="cns_1", party="caller", answer="announced", method="announcement", at=EAST, heard_at=AT, notice=NOTICE,
    offset=timedelta(seconds=1), length=timedelta(milliseconds=2500), told_by="key_1",
)  # fmt: skip
FEW_EVENT = ConsentEvent(
    id="cns_2", party="callee", answer="declined", method="key", at=AT, heard_at=EAST, told_by="conn_1"
)
DECISION = Decision(
    verdict="quarantine", mode="announce", position="inside", agent_notice=False, epoch=2, policy_version=4,
    rule_book="1", places=(Place(party="caller", place="US-WA", known_by="prefix"),),
    grounds=(Reason(code="no_notice", text="Nothing.", source="consent-policy"),), is_forbidden=False,
    remarks=(Reason(code="c", text="t"),),
)  # fmt: skip
REWRITE = vault_facts.StoreRewrite(
    found=1, known=2, recordings_after=None, checkpoints_done=True, tiles_size=9
)
LOOK = vault_facts.StoreCheck(anchored=7, published=8)
STATEMENT = KeyStatement(origin="vault.example/log", owner=ACCOUNT, version=3, recordings=0, at=EAST, size=17)


def act(kind: EventType, result: str | None, content: object) -> Act:
    """Return a closing act of an account."""
    event = AccessEvent(
        type=kind,
        at=EAST,
        account_id=ACCOUNT,
        actor="key_1",
        id="evt_1",
        result=result,
        recording_id=RECORDING.id,
    )
    return Act(event=event, leaf=event.body, content=content, batch="evt_1")


ACTS = [
    act("switch.changed", "off", SwitchChange(enabled=False, epoch=1, at=EAST, by="key_1", reason="why")),
    act("objection.entered", None, OBJECTION),
    act("consent.told", "caller_declined",
        ConsentRefusal(id="cns_2", call_ref="c", heard_at=AT, sealed_event=b"e", key_version=2)),
    act("call.erased", None, ErasedCall(call_ref="c")),
    act("recording.erasing", None, GONE),
    act("link.revoked", None, None),
]  # fmt: skip


def of_sealing() -> bytes:
    """Return the evidence without its random salt."""
    made = evidence.at_sealing(
        DECISION, [EVENT, FEW_EVENT], FACTS, statements=[FEW_FACTS, FACTS], account_id=ACCOUNT,
        recording_id="rec_1", at=EAST,
    )  # fmt: skip
    return made.canonical[evidence.SALT_BYTES :]


def of_entry() -> bytes:
    """Return a later entry without its random salt."""
    entry = evidence.chained(
        "ab" * 32, "release", {"by": "key_1", "reason": "é"}, recording_id="rec_1", at=AT
    )
    return entry.canonical[evidence.SALT_BYTES :]


ENCODERS: dict[str, Callable[[], bytes]] = {
    "access_event": lambda: ACTS[0].leaf,
    "account": lambda: encode_account(KNOWN),
    "account_every": lambda: encode_account(EVERY),
    "account_months": lambda: encode_account(MONTHLY),
    "account_newest": lambda: encode_account(NEWEST),
    "account_whole": lambda: encode_account(WHOLE),
    "announcement": lambda: sealed_records.encode_announcement(ANNOUNCEMENT, FACTS),
    "closing_acts": lambda: closing_acts.encode_acts(ACTS).encode(),
    "consent_event": lambda: encode_event(EVENT),
    "consent_event_few": lambda: encode_event(FEW_EVENT),
    "credentials": lambda: sealed_records.encode_credentials(CREDENTIALS),
    "envelope": lambda: encode_envelope(ENVELOPE),
    "evidence_entry": of_entry,
    "evidence_sealing": of_sealing,
    "facts": lambda: sealed_records.encode_facts(FACTS),
    "facts_few": lambda: sealed_records.encode_facts(FEW_FACTS),
    "key_statement": lambda: STATEMENT.text().encode(),
    "manifest": lambda: MANIFEST,
    "manifest_months": lambda: encode_manifest(RECORDING, MONTHLY_KEYS),
    "store_look": lambda: vault_facts.encode_store_check(LOOK),
    "store_rewrite": lambda: vault_facts.encode_rewrite(REWRITE),
    "tombstones": lambda: TOMBSTONES,
    "vault": lambda: encode_vault(VAULT),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_the_same_bytes_are_written(name: str) -> None:
    """To the last byte, times with their offsets and digits included."""
    assert ENCODERS[name]() == (FILES / name).read_bytes()


def test_every_file_is_compared() -> None:
    """None is left over, and the digest of a manifest's key is in one of them."""
    assert {file.name for file in FILES.iterdir()} == {*ENCODERS, *DECODERS}
    assert KEYS.evidence.encode() in (FILES / "manifest").read_bytes()


DECODERS: dict[str, tuple[Callable[[bytes], Any], Any]] = {
    "access_event": (lambda data: parse_event(data).at, EAST.astimezone(UTC)),
    "account": (lambda data: decode_account(data, ENVELOPE), KNOWN),
    "account_every": (lambda data: decode_account(data, ENVELOPE), EVERY),
    "account_months": (lambda data: decode_account(data, ENVELOPE), MONTHLY),
    "account_newest": (lambda data: decode_account(data, ENVELOPE), NEWEST),
    "account_whole": (lambda data: decode_account(data, ENVELOPE), WHOLE),
    "manifest": (lambda data: decode_manifest(data).keys, KEYS),
    "manifest_months": (lambda data: decode_manifest(data).keys, MONTHLY_KEYS),
    "announcement": (sealed_records.decode_announcement, (ANNOUNCEMENT, FACTS)),
    "consent_event": (decode_event, EVENT),
    "consent_event_few": (decode_event, FEW_EVENT),
    "credentials": (sealed_records.decode_credentials, CREDENTIALS),
    "details": (decode_details, DETAILS),
    "details_deflated": (decode_details, replace(DETAILS, evidence=SALT + EVIDENCE)),
    "evidence_deflated": (lambda data: evidence.decode_evidence(data).canonical, SALT + EVIDENCE),
    "facts": (sealed_records.decode_facts, FACTS),
    "facts_deflated": (sealed_records.decode_facts, FACTS),
    "facts_few": (sealed_records.decode_facts, FEW_FACTS),
    "store_look": (vault_facts.decode_store_check, LOOK),
    "store_rewrite": (vault_facts.decode_rewrite, REWRITE),
}


@pytest.mark.parametrize("name", DECODERS)
def test_the_old_bytes_are_read(name: str) -> None:
    """Every value comes back; offsets may have become UTC where they were written so."""
    decode, value = DECODERS[name]
    assert decode((FILES / name).read_bytes()) == value


def test_facts_keep_the_offset_that_the_platform_sent() -> None:
    """What is written again after a rotation has the same bytes."""
    facts = sealed_records.decode_facts((FILES / "facts").read_bytes())
    assert facts.started_at is not None
    assert facts.started_at.utcoffset() == timedelta(hours=5, minutes=30)
    assert sealed_records.encode_facts(facts) == (FILES / "facts").read_bytes()


def test_the_content_of_evidence_is_what_was_written() -> None:
    """In the order of the bytes, with its version."""
    written = (FILES / "evidence_entry").read_bytes()
    content = evidence.Evidence(canonical=bytes(evidence.SALT_BYTES) + written).content
    assert list(content) == ["at", "before", "by", "kind", "reason", "recording", "v"]
    assert content["reason"] == "é"
