"""The table of event types: what is forgotten in it fails the import, and names itself.

The body of an access event: canonical bytes that tell of no person.

The table of what gives a right: every kind begins with an event, and nobody gives more than he has.
"""

import hashlib
import itertools
import json
import runpy
from collections.abc import MutableMapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import ModuleType
from typing import Any, cast, get_args

import pytest

from vault.domain.accounts.account import SCOPES
from vault.domain.audit_log import replay
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types import table
from vault.domain.audit_log.event_types.event_rules import Closing
from vault.domain.audit_log.event_types.playback import PLAYBACK_EVENTS
from vault.domain.audit_log.event_types.table import EVENT_TYPES
from vault.domain.audit_log.grantors import GRANTORS, GrantorName, scopes_beyond
from vault.domain.stored import closing_content

#: The entries as what they are.
_ENTRIES = cast("MutableMapping[str, Any]", PLAYBACK_EVENTS)
EVENT = AccessEvent(
    id="evt_1", type="playback.grant", at=datetime(2026, 11, 2, 12, 0, tzinfo=UTC), account_id="acct_1",
    actor="sess_1", recording_id="rec_1", link_id="link_1", session_id="sess_1", first=0, end=65536,
    sealed_detail=b"Ada Lovelace, 192.0.2.1",
)  # fmt: skip


def imported(module: ModuleType) -> dict[str, Any]:
    """Run a module beside the one that is loaded."""
    return runpy.run_path(str(module.__file__))


def test_a_type_without_an_entry_is_named(monkeypatch: pytest.MonkeyPatch):
    """As one whose entry somebody forgot."""
    assert imported(table)["EVENT_TYPES"] == table.EVENT_TYPES
    monkeypatch.delitem(_ENTRIES, "waveform.read")
    with pytest.raises(LookupError, match=r"no entry in their table: waveform\.read"):
        imported(table)


@pytest.mark.parametrize(("name", "says"), [("link.revoked", "nothing"), ("link.created", "leaf")])
def test_a_restore_applies_the_leaves_that_the_table_says(
    monkeypatch: pytest.MonkeyPatch, name: str, says: str
):
    """No other ones, and all of these."""
    rules = {**table.EVENT_TYPES, name: replace(_ENTRIES[name], replay=says)}
    monkeypatch.setattr(table, "EVENT_TYPES", rules)
    with pytest.raises(LookupError, match=name):
        imported(replay)


def test_content_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch):
    """An entry of a closing type names its content."""
    odd = Closing(content="odd", until="leaf", subject="result")
    monkeypatch.setattr(table, "CLOSING", {**table.CLOSING, "link.revoked": odd})
    with pytest.raises(LookupError, match="odd"):
        imported(closing_content)


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


def test_every_kind_of_permission_begins_with_an_event():
    """And stands in the table, with what it gives."""
    assert {rules.grants for rules in EVENT_TYPES.values()} - {None} == set(GRANTORS)
    assert set(GRANTORS) == set(get_args(GrantorName))


@pytest.mark.parametrize("kind", GRANTORS)
def test_nobody_gives_more_than_he_has(kind: GrantorName):
    """With each two scopes, and each scope to give: refused are exactly those that the maker lacks."""
    grantor, tried = GRANTORS[kind], 0
    for has in itertools.combinations(SCOPES, 2):
        for chosen in [(), *((one,) for one in sorted(grantor.chosen))]:
            beyond = scopes_beyond(kind, set(has).__contains__, chosen)
            assert set(beyond) == (grantor.always | set(chosen)) - set(has)
            tried += 1
    assert tried >= len(SCOPES)


def test_what_the_table_does_not_say_is_no_question():
    """A door that gives something of which the table says nothing is a mistake of ours."""
    with pytest.raises(ValueError, match="link_key"):
        scopes_beyond("link_key", lambda _: True, ["keys:write"])
