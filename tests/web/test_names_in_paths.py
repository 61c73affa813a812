"""Names with a slash: a platform may have them, webhooks take them, and every path reaches them as %2F."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from tests.support.tenant import Tenant, moment
from tests.support.web_house import AUDIO, House

CALL, REF = "2026/11/30-0001", "a/b/1"
NAMES = [CALL, "/", "//", "a%2Fb", "a/%2F", "ä/ö ü", "?/#"]


def path(tenant: Tenant, *names: str) -> str:
    """Return a path below the account's calls, whose names are encoded."""
    return tenant.url(
        "/calls/" + "/".join(quote(name, safe="") if n % 2 == 0 else name for n, name in enumerate(names))
    )


def test_a_call_with_slashes_is_reached_by_every_path(tenant: Tenant):
    """What a webhook names is reported, shown, erased; its upload is the recording that was announced."""
    recording = tenant.announce("https://nowhere.invalid/a.wav", call=CALL, ref=REF).json()["recording"]
    tenant.wait(recording, "retry_wait")
    shown = tenant.http.get(path(tenant, CALL))
    assert (shown.status_code, shown.json()["call"]["call_ref"]) == (200, CALL), shown.text
    at = moment(datetime.now(UTC))
    said = {"event": "announced", "party": "caller", "method": "announcement", "at": at}
    consent = tenant.http.post(path(tenant, CALL, "consent"), json=said)
    assert consent.status_code == 201, consent.text
    again = tenant.http.put(path(tenant, CALL, "recordings", REF), content=AUDIO)
    assert (again.status_code, again.json()["id"], again.json()["recording_ref"]) == (201, recording, REF)
    tenant.wait(recording)
    (found,) = tenant.http.get(tenant.url("/recordings"), params={"call": CALL}).json()["items"]
    assert found["id"] == recording
    assert tenant.http.delete(path(tenant, CALL)).status_code == 202
    tenant.wait(recording, "erased")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_what_was_sent(tenant: Tenant, name: str):
    """Decoded once: neither more nor less, for the call and for the recording, in an upload over 64 KiB."""
    body = AUDIO + bytes(70_000)
    sent = tenant.http.put(path(tenant, name, "recordings", name), content=body)
    assert sent.status_code == 201, sent.text
    recording = tenant.get(sent.json()["id"])
    assert (recording["recording_ref"], recording["call"]["call_ref"]) == (name, name)
    assert tenant.http.get(path(tenant, name)).json()["call"]["call_ref"] == name


@pytest.mark.parametrize("name", ["", " ", "   ", "a\x1fb", "a\nb", "\x7f", "x" * 201])
def test_what_is_no_name_is_refused_by_every_door(tenant: Tenant, name: str):
    """By webhooks and in paths alike, before anything is stored."""
    hooks = [
        tenant.announce("https://media.example/a.wav", call=name, ref="r"),
        tenant.announce("https://media.example/a.wav", call="c", ref=name),
        tenant.hook("call.started", call_ref=name),
    ]
    assert [answer.status_code for answer in hooks] == [422] * 3
    if name:
        doors = [
            tenant.http.put(path(tenant, name, "recordings", "r"), content=AUDIO),
            tenant.http.put(path(tenant, "c", "recordings", name), content=AUDIO),
            tenant.http.post(path(tenant, name, "consent"), json={}),
        ]
        assert {answer.status_code for answer in doors} <= {400, 422}
    assert tenant.http.get(tenant.url("/recordings")).json()["items"] == []


@pytest.mark.parametrize("place", ["/v1/accounts%2Facme", "/v1%2Faccounts", "/v1/accounts/acme%2Fcalls%2Fc"])
def test_a_slash_in_a_name_makes_no_other_path(house: House, place: str):
    """An escaped slash is never a separator."""
    assert house.admin.get(place).status_code in {404, 422}
