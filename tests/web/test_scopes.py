"""What the answers to each scope show of calls and listeners: a scope includes no other."""

import pytest

from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House
from tests.web.doors import CALL, DOORS
from tests.web.test_access import send
from vault.domain.accounts.account import SCOPES

pytestmark = pytest.mark.faults

FACTS = {"from": "+14155550142", "to": "+14155550143", "agent": "agent-marta"}
LISTENER = "listener-kim"
MARKS = {"+14155550142": "number", "+14155550143": "number", "agent-marta": "agent", LISTENER: "listener"}
_CALL = frozenset({"number", "agent"})
#: The only doors whose answers name a number or agent of the call, or the listener of a link.
SHOWN: dict[tuple[str, str], frozenset[str]] = {
    ("GET", "/calls/{call_ref}"): _CALL,
    ("GET", "/recordings"): _CALL,
    ("GET", "/recordings/{recording}"): _CALL,
    ("GET", "/recordings/{recording}/evidence"): _CALL,
    ("POST", "/integration-preview"): _CALL,
    ("GET", "/recordings/{recording}/links"): frozenset({"listener"}),
    ("GET", "/links"): frozenset({"listener"}),
    ("GET", "/recordings/{recording}/history"): frozenset({"listener"}),
    ("GET", "/access-events"): frozenset({"listener"}),
}
#: Scopes that read calls and listeners. Nobody else is shown either.
READERS = {"recordings:read", "audit:read"}
#: Doors that need another state than that of an available recording; they come before all others.
WAITING = {
    ("POST", "/recordings/{recording}/release"),
    ("POST", "/recordings/{recording}/refusal"),
}
#: This one needs a recording that was announced and has not arrived.
RETRY = ("POST", "/recordings/{recording}/retry")
#: These take away what others show, so they come last.
LAST = [
    ("DELETE", "/recordings/{recording}/notes/{note}"),
    # Afterwards an upload of the same bytes is one of other bytes.
    ("POST", "/recordings/{recording}/redactions"),
    ("PUT", "/recordings/{recording}/restriction"),
    ("DELETE", "/recordings/{recording}/restriction"),
    ("POST", "/links/revocation"),
    ("DELETE", "/recordings/{recording}/links/{link}"),
    ("DELETE", "/recordings/{recording}"),
    ("DELETE", "/calls/{call_ref}"),
]


def shown(text: str) -> frozenset[str]:
    """Return which kinds of marks a text holds."""
    return frozenset(kind for mark, kind in MARKS.items() if mark in text)


def quarantined(tenant: Tenant, ref: str) -> str:
    """Upload a recording of the known call that waits in quarantine, and return its id."""
    made: str = tenant.put(AUDIO, call="known", ref=ref).json()["id"]
    tenant.wait(made, "quarantined")
    return made


def test_an_answer_shows_calls_and_listeners_to_their_readers_alone(house: House):
    """One key for each scope knocks at each of its doors, of a call that it was not told of."""
    tenant = Tenant.open(house.admin, policy={})
    assert house.admin.put(tenant.url("/calls/known"), json=CALL | FACTS).status_code == 200
    waiting = dict(zip(sorted(WAITING), (quarantined(tenant, "q1"), quarantined(tenant, "q2")), strict=True))
    heard = quarantined(tenant, "r")
    said = {"missing_evidence": "accept", "reason": "not the subject"}
    assert house.admin.patch(tenant.url("/consent-policy"), json=said).status_code == 200
    told = {"reason": "not the subject"}
    assert house.admin.post(tenant.url(f"/recordings/{heard}/release"), json=told).status_code == 200
    tenant.wait(heard)
    waiting[RETRY] = tenant.announce("https://nowhere.invalid/x", call="known", ref="a").json()["recording"]
    link = tenant.link(heard, listener=LISTENER)["id"]
    keys = {scope: house.client(house.key_for(tenant.name, scope)) for scope in SCOPES}
    # A note is changed and deleted by the key that made it alone.
    note = keys["links:write"].post(tenant.url(f"/recordings/{heard}/notes"), json={"at": 0}).json()["id"]
    at = tenant.url("/calls/known/pauses")
    pause = keys["recordings:pause"].post(at, json={}).json()["id"]
    found, answered = {}, set()
    for door in [*sorted(waiting), *sorted(DOORS.keys() - waiting.keys() - set(LAST)), *LAST]:
        names = {
            "recording": waiting.get(door, heard),
            "link": link,
            "call_ref": "known",
            "note": note,
            "pause": pause,
        }
        answer = send(keys[DOORS[door][0]], tenant.name, door, **names)
        if answer.is_success:
            answered.add(door)
        if shown(answer.text):
            found[door] = shown(answer.text)
    assert found == SHOWN
    assert {DOORS[door][0] for door in SHOWN} <= READERS
    # A refusal shows nothing, so it would prove nothing.
    naming = {door for door in DOORS if "{recording" in door[1] or "{call_ref}" in door[1]}
    assert naming - answered == set()
