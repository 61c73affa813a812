"""A call as a whole: shown, found and erased, whether it has recordings or was only announced.

Later facts of a call never cancel an objection, nor a moment in which recording was switched off.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.tenant import Tenant, moment, tone
from tests.support.web_house import House

CALLER, CALLEE = "+14155550123", "+12125550100"
OBJECTS, OTHER = "+14155550187", "+12125550100"
#: How a later event may write the number, or another one.
SPELLINGS = (
    "anonymous", "4155550187", "sip:+14155550187@gw.example", "sips:%2B14155550187@gw.example;user=phone",
    "14155550187", "0014155550187", "+14155550187;ext=1", "tel:+1-415-555-0187", "+12125550199", "client:alice",
    "whatsapp:+14155550187", "+00 1 415 555 0187", "011 1 415 555 0187", '"A" <sip:4155550187@gw.example>',
)  # fmt: skip
#: Of these each is the number that objects, also where no other event wrote it in full.
READ_ALONE = [one for one in SPELLINGS if "5550187" in one.replace("-", "").replace(" ", "")]


def told(tenant: Tenant, ref: str, caller: str = CALLER) -> None:
    """Tell of a call."""
    said = {"direction": "inbound", "from": caller, "to": CALLEE, "started_at": moment(datetime.now(UTC))}
    answer = tenant.http.put(tenant.url(f"/calls/{ref}"), json=said | {"agent": "Ada"})
    assert answer.status_code == 200, answer.text


def get(tenant: Tenant, ref: str) -> httpx.Response:
    """Ask for a call."""
    return tenant.http.get(tenant.url(f"/calls/{ref}"))


def erase(tenant: Tenant, ref: str) -> httpx.Response:
    """Erase a call."""
    return tenant.http.delete(tenant.url(f"/calls/{ref}"))


def test_a_call_is_shown_with_its_facts_its_decision_and_its_recordings(tenant: Tenant):
    """Whatever state its recordings are in."""
    told(tenant, "call-1")
    heard = tenant.uploaded(tone(0.1))
    failed = tenant.put(b"no audio", ref="rec-2").json()["id"]
    tenant.wait(failed, "failed")
    said = get(tenant, "call-1").json()
    assert (said["call"]["from"], said["call"]["to"], said["call"]["agent"]) == (CALLER, CALLEE, "Ada")
    assert said["decision"]["verdict"] == "allow"
    assert {one["id"]: one["state"] for one in said["recordings"]} == {heard: "available", failed: "failed"}


def test_a_call_that_was_only_announced_is_shown_and_erased(tenant: Tenant):
    """Its facts are gone when the answer is there, and what is reported about it later counts again."""
    told(tenant, "call-1")
    assert get(tenant, "call-1").json()["recordings"] == []
    answer = erase(tenant, "call-1")
    assert (answer.status_code, answer.json()) == (202, {"call_ref": "call-1", "recordings": []})
    assert get(tenant, "call-1").status_code == erase(tenant, "call-1").status_code == 404
    assert tenant.types().count("call.erased") == 1
    told(tenant, "call-1")
    assert tenant.http.put(tenant.url(f"/objections/{CALLER}")).status_code == 201
    assert get(tenant, "call-1").json()["decision"]["record"] is False


def test_erasing_a_call_erases_all_of_its_recordings(tenant: Tenant):
    """A restricted one too; erased once more it changes nothing; another call stays."""
    told(tenant, "call-1")
    first = tenant.uploaded(tone(0.1))
    second = tenant.uploaded(tone(0.1, hertz=300), ref="rec-2")
    other = tenant.uploaded(tone(0.1, hertz=500), call="call-2", ref="rec-3")
    assert tenant.http.put(tenant.url(f"/recordings/{first}/restriction"), json={}).status_code == 200
    for _ in range(2):
        answer = erase(tenant, "call-1")
        assert answer.status_code == 202
        assert {one["id"] for one in answer.json()["recordings"]} == {first, second}
        assert {one["state"] for one in answer.json()["recordings"]} <= {"erasing", "erased"}
        for recording in (first, second):
            assert tenant.wait(recording, "erased")["call"].get("from") is None
    assert tenant.types().count("call.erased") == 1
    assert tenant.types(first).count("recording.erasing") == 1
    assert get(tenant, "call-1").json()["call"].get("from") is None
    assert tenant.get(other)["state"] == "available"
    assert tenant.put(tone(0.1)).status_code == 410


def test_a_no_outlives_the_facts_of_its_call(tenant: Tenant):
    """What a party answered stays, so that what is sent of the call later is refused."""
    told(tenant, "call-1")
    said = {"party": "caller", "event": "declined", "method": "key", "at": moment(datetime.now(UTC))}
    assert tenant.http.post(tenant.url("/calls/call-1/consent"), json=said).status_code == 201
    assert erase(tenant, "call-1").status_code == 202
    answer = tenant.put(tone(0.1))
    assert (answer.status_code, answer.json()["reasons"][0]) == (409, "declined")


@pytest.mark.parametrize("ask", [get, erase])
def test_a_call_of_another_account_is_not_there(house: House, tenant: Tenant, ask):
    """As one that nobody ever heard of."""
    other = Tenant.open(house.admin)
    told(other, "theirs")
    answers = [ask(tenant, ref) for ref in ("theirs", "nobodys")]
    assert [one.status_code for one in answers] == [404, 404]
    assert get(other, "theirs").status_code == 200


@pytest.mark.parametrize(
    "written",
    [
        "+33612345678", "+33 6 12 34 56 78", "0033612345678", "33612345678", "06 12 34 56 78", "0612345678",
        "tel:+33-6-12-34-56-78", "sip:+33612345678@gateway.example;user=phone", "+33612345678;ext=5",
    ],
)  # fmt: skip
def test_a_number_is_found_however_it_is_written(french: Tenant, written: str):
    """In every state of a recording, and in calls that have none, whichever way the call wrote it."""
    found = french.http.get(french.url("/recordings"), params={"number": written})
    assert found.status_code == 200, found.text
    states = sorted((one["recording_ref"], one["state"]) for one in found.json()["items"])
    assert states == [("bad", "failed"), ("good", "available"), ("kept", "quarantined"), ("no", "refused")]
    calls, cursor = [], None
    while not calls or cursor is not None:
        asked = {"number": written, "limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = french.http.get(french.url("/calls"), params=asked).json()
        calls, cursor = [*calls, *(one["call_ref"] for one in page["items"])], page["next_cursor"]
    assert calls == sorted(
        [f"announced-{place}" for place in range(len(SPELLED))] + ["bad", "good", "kept", "no"]
    )


#: How a platform writes the number; the account is in France.
SPELLED = ("+33612345678", "0612345678", "0033612345678", "33612345678", "sip:+33612345678@gw.example")


@pytest.fixture(scope="module")
def french(house: House) -> Tenant:
    """An account in France with recordings in four states, and calls that were only announced."""
    tenant = Tenant.open(house.admin)
    assert tenant.http.put(tenant.url(), json={"locale": "fr-FR"}).status_code == 200
    told(tenant, "no", SPELLED[3])
    tenant.switch(enabled=False)
    assert tenant.put(tone(0.1), call="no", ref="no").status_code == 409
    tenant.switch(enabled=True)
    for place, spelled in enumerate(SPELLED):
        told(tenant, f"announced-{place}", spelled)
    for ref in ("good", "bad", "kept", "other"):
        told(tenant, ref, "+33698765432" if ref == "other" else SPELLED[1])
    tenant.uploaded(tone(0.1), call="good", ref="good")
    tenant.uploaded(tone(0.1), call="other", ref="other")
    tenant.wait(tenant.put(b"no audio", call="bad", ref="bad").json()["id"], "failed")
    policy = {"missing_evidence": "quarantine", "home_place": "FR"}
    assert tenant.http.patch(tenant.url("/consent-policy"), json=policy).status_code == 200
    tenant.wait(tenant.put(tone(0.2), call="kept", ref="kept").json()["id"], "quarantined")
    return tenant


@pytest.mark.parametrize("path", ["/recordings", "/calls"])
@pytest.mark.parametrize(
    ("asked", "remedy"),
    [
        ("number=+33612345678", "%2B"),
        ("number=anonymous", "with its country"),
        ("number=12", "with its country"),
    ],
)
def test_a_number_that_cannot_be_read_is_422(french: Tenant, path: str, asked: str, remedy: str):
    """With the field and what to do; an unencoded plus arrives as a blank."""
    answer = french.http.get(f"{french.url(path)}?{asked}")
    assert answer.status_code == 422, answer.text
    assert remedy in answer.text
    assert "number" in answer.text


def test_an_erased_call_is_found_no_more(tenant: Tenant):
    """Neither the call nor a recording that was erased beside one that stays."""
    told(tenant, "call-1")
    told(tenant, "call-2")
    kept, erased = tenant.uploaded(tone(0.1)), tenant.uploaded(tone(0.1, hertz=300), ref="rec-2")
    tenant.http.delete(tenant.url(f"/recordings/{erased}"))
    assert erase(tenant, "call-2").status_code == 202
    asked = {"params": {"number": CALLER}}
    recordings = tenant.http.get(tenant.url("/recordings"), **asked).json()["items"]
    assert [one["id"] for one in recordings] == [kept]
    calls = tenant.http.get(tenant.url("/calls"), **asked).json()
    assert ([one["call_ref"] for one in calls["items"]], calls["next_cursor"]) == (["call-1"], None)


def call(tenant: Tenant, ref: str, caller: str, **more: Any) -> dict[str, Any]:
    """Tell of a call, and return the decision."""
    said = {"direction": "inbound", "from": caller, "to": OTHER, "started_at": moment(datetime.now(UTC))}
    answer = tenant.http.put(tenant.url(f"/calls/{ref}"), json=said | more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["decision"])


@pytest.fixture(scope="module")
def objected(house: House) -> Tenant:
    """An account in the United States that must not record a number."""
    tenant = Tenant.open(house.admin)
    renamed = tenant.http.put(tenant.url(), json={"locale": "en-US"})
    assert renamed.status_code == 200, renamed.text
    assert tenant.http.put(tenant.url(f"/objections/{OBJECTS}")).status_code == 201
    return tenant


@pytest.mark.parametrize("written", SPELLINGS)
def test_a_later_number_does_not_cancel_an_objection(objected: Tenant, written: str):
    """Whatever a later request says of the caller: neither the call nor an upload of it is recorded."""
    ref = f"later-{SPELLINGS.index(written)}"
    assert call(objected, ref, OBJECTS)["record"] is False
    assert call(objected, ref, written)["record"] is False
    answer = objected.put(tone(0.1), call=ref, ref=ref)
    assert (answer.status_code, answer.json()["reasons"][0]) == (409, "objection")


@pytest.mark.parametrize("written", READ_ALONE)
def test_an_objection_counts_in_every_spelling(objected: Tenant, written: str):
    """Where no other event wrote the number in full, and on either side of the call."""
    ref = f"alone-{SPELLINGS.index(written)}"
    assert call(objected, ref, written)["record"] is False
    assert call(objected, f"{ref}-to", OTHER, to=written)["record"] is False


@pytest.mark.parametrize("written", SPELLINGS)
def test_a_later_webhook_does_not_cancel_an_objection(objected: Tenant, written: str):
    """The number may have been said by the webhook of another recording, which was refused for it."""
    ref = f"hook-{SPELLINGS.index(written)}"
    url = "https://media.example/gone.wav"
    first = objected.announce(url, call=ref, ref=f"{ref}-1", from_=OBJECTS, to=OTHER)
    assert first.json()["status"] == "refused", first.text
    second = objected.announce(url, call=ref, ref=f"{ref}-2", from_=written, to=OTHER)
    assert second.json()["status"] == "refused", second.text
    assert objected.hook("call.ended", call_ref=ref, from_=written, to=OTHER).status_code == 200
    answer = objected.put(tone(0.1), call=ref, ref=ref)
    assert (answer.status_code, answer.json()["reasons"][0]) == (409, "objection")


@pytest.fixture(scope="module")
def switched(house: House) -> tuple[Tenant, datetime, datetime]:
    """An account that was switched off for a moment; a moment before that, and one after it."""
    tenant = Tenant.open(house.admin)
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    tenant.switch(enabled=False)
    tenant.switch(enabled=True)
    return tenant, before, datetime.now(UTC) + timedelta(milliseconds=1)


@pytest.mark.parametrize("by", ["request", "webhook"])
@pytest.mark.parametrize("what", ["a later start", "an earlier end", "both"])
def test_a_later_event_does_not_move_a_call_away_from_a_moment_off(
    switched: tuple[Tenant, datetime, datetime], what: str, by: str
):
    """The call reaches from the earliest start to the latest end that was ever said."""
    tenant, before, after = switched
    ref = f"{by}-{what.replace(' ', '-')}"
    long = {"started_at": moment(before - timedelta(hours=1)), "ended_at": moment(after)}
    moved = {
        "a later start": {"started_at": moment(after)},
        "an earlier end": {"ended_at": moment(before - timedelta(minutes=1))},
        "both": {"started_at": moment(after), "ended_at": moment(after)},
    }[what]
    call(tenant, ref, OTHER, **long)
    if by == "request":
        call(tenant, ref, OTHER, **(long | moved))
    else:
        assert tenant.hook("call.ended", call_ref=ref, **moved).status_code == 200
    answer = tenant.put(tone(0.1), call=ref, ref=ref)
    assert (answer.status_code, answer.json().get("reasons", [None])[0]) == (409, "switched_off_during_call")
