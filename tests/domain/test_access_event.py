"""The body of an access event: canonical bytes that tell of no person."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from vault.domain.audit_log.access_event import AccessEvent

EVENT = AccessEvent(
    id="evt_1", type="playback.grant", at=datetime(2026, 11, 2, 12, 0, tzinfo=UTC), account_id="acct_1",
    actor="sess_1", recording_id="rec_1", link_id="link_1", session_id="sess_1", first=0, end=65536,
    sealed_detail=b"Ada Lovelace, 192.0.2.1",
)  # fmt: skip


def test_the_body_is_these_bytes():
    """Sorted keys, no blanks, microseconds, a Z, and a zero is not an absent field."""
    digest = hashlib.sha256(b"Ada Lovelace, 192.0.2.1").hexdigest()
    assert (
        EVENT.body
        == (
            b'{"account":"acct_1","actor":"sess_1","at":"2026-11-02T12:00:00.000000Z","detail":"%b","end":65536,'
            b'"first":0,"id":"evt_1","link":"link_1","recording":"rec_1","session":"sess_1",'
            b'"type":"playback.grant","v":1}'
        )
        % digest.encode()
    )


def test_the_body_commits_to_the_detail_and_does_not_say_it():
    """Another detail is another body; the detail itself is not in it."""
    assert b"Ada" not in EVENT.body
    assert b"192.0.2.1" not in EVENT.body
    assert replace(EVENT, sealed_detail=b"x").body != EVENT.body
    assert b"detail" not in replace(EVENT, sealed_detail=None).body


def test_the_body_is_ascii_and_reads_back():
    """Whatever a field holds, the bytes are ASCII JSON that say the same, without absent fields."""
    body = replace(EVENT, actor="sess_é\n", link_id=None, session_id=None).body
    assert body.isascii()
    said = json.loads(body)
    assert said["actor"] == "sess_é\n"
    assert "link" not in said


def test_every_field_changes_the_body():
    """No two events that differ have one body."""
    changed = {
        "id": "evt_2", "type": "playback.end", "at": EVENT.at + timedelta(microseconds=1),
        "account_id": None, "actor": "worker", "recording_id": "rec_2", "link_id": None, "session_id": None,
        "first": 1, "end": 2, "result": "ok", "evidence": "00" * 32, "permission": "00" * 32,
        "identity": "idn_1", "sealed_detail": None,
    }  # fmt: skip
    assert set(changed) == set(AccessEvent.__slots__) - {"subject"}
    bodies = {replace(EVENT, **{name: value}).body for name, value in changed.items()}
    assert len(bodies | {EVENT.body}) == len(changed) + 1


def test_the_subject_is_in_no_body():
    """It names a call or a row, for the closing act beside the event; the log says nothing of it."""
    assert replace(EVENT, subject="call-1").body == EVENT.body
    assert replace(EVENT, subject="call-1") == EVENT


def test_one_moment_has_one_spelling():
    """The same moment in another time zone is the same body."""
    paris = EVENT.at.astimezone(timezone(timedelta(hours=1)))
    assert replace(EVENT, at=paris).body == EVENT.body
