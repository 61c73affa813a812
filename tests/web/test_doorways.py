"""Doorways: addresses that open nothing by themselves, and lead to a sign-in or take a link."""

import base64

import httpx
import pytest

from tests.support.console import sign_in
from tests.support.link_keys import register
from tests.support.link_minter import Minter
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import AUDIO, House

pytestmark = pytest.mark.faults


def doorway(tenant: Tenant, recording: str) -> str:
    """Return the path of a recording's doorway."""
    answer = tenant.http.post(tenant.url(f"/recordings/{recording}/doorway"))
    assert answer.status_code == 200, answer.text
    return httpx.URL(answer.json()["url"]).path


def test_a_doorway_opens_nothing_and_is_always_the_same(house: House, tenant: Tenant):
    """GET shows the way in, to everybody the same; no event, and every changed character is nobody's."""
    recording = tenant.uploaded(AUDIO)
    path, before = doorway(tenant, recording), tenant.types()
    assert doorway(tenant, recording) == path
    page = house.client().get(path)
    assert page.status_code == 200
    assert f"/console/doorways/{path.rpartition('/')[2]}" in page.text
    # Neither the address nor the page names the recording or the account, in any spelling of their ids.
    ids = [one.partition("_")[2] for one in (recording, tenant.id)]
    raw = base64.urlsafe_b64decode(path.rpartition("/")[2] + "==").hex()
    assert not [one for one in ids if one in path or one in page.text or one in raw]
    assert house.client().head(path).status_code == 200
    assert tenant.types() == before
    for place in range(3, len(path), 7):
        changed = path[:place] + ("1" if path[place] != "1" else "2") + path[place + 1 :]
        assert house.client().get(changed).status_code == 404
    assert tenant.http.post(tenant.url("/recordings/rec_0/doorway")).status_code == 404
    other = Tenant.open(house.admin)
    assert other.http.post(other.url(f"/recordings/{recording}/doorway")).status_code == 404


def test_it_takes_a_link_to_the_same_recording_alone(house: House, tenant: Tenant):
    """A signed one or the vault's own, as address or token; another recording's, or rubbish, is the one 404."""
    recording, second = tenant.uploaded(AUDIO), tenant.uploaded(AUDIO, ref="rec-2")
    path, minter = doorway(tenant, recording), register(tenant, Minter())
    own, signed = tenant.link(recording)["url"], minter.token(recording)
    for link in (own, f" {house.url}/p/{signed} ", signed):
        browser = house.client()
        led = browser.post(path, data={"link": link})
        assert led.status_code == 303, link
        opened = open_link(browser, led.headers["location"], nonce=link[:20])
        assert browser.get(f"{opened.headers['location']}/audio").content == AUDIO
    wrong = [minter.token(second), tenant.link(second)["url"], signed[:-1], "", "x" * 5000, "http://[", path]
    answers = [house.client().post(path, data={"link": link}) for link in wrong]
    assert {answer.status_code for answer in answers} == {404}
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert house.client().post(path, data={"link": own}, headers=elsewhere).status_code == 404
    many = "&".join(f"a{number}=1" for number in range(9))
    assert house.client().post(path, content=many).status_code in {400, 422}


def test_who_is_not_signed_in_is_asked_to(house: House, tenant: Tenant):
    """The way of the page leads to the sign-in of the console, which leads back, and from there to the recording."""
    recording = tenant.uploaded(AUDIO)
    door = doorway(tenant, recording).rpartition("/")[2]
    answer = house.client().get(f"/console/doorways/{door}")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/console/sign-in?next=%2Fconsole%2Fdoorways%2F{door}"
    assert _led(house, tenant, door).headers["location"].endswith(f"/recordings/{recording}")


def test_strangers_and_unknown_ids_get_one_answer(house: House, tenant: Tenant):
    """Who is signed in at another account gets what an id gets that nobody has made."""
    door = doorway(tenant, tenant.uploaded(AUDIO)).rpartition("/")[2]
    stranger = Tenant.open(house.admin)
    answers = [_led(house, stranger, one) for one in (door, "A" * 64, door[:-1], f"{door[:-1]}-")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1


def test_it_is_closed_while_restricted_and_once_erased(house: House, tenant: Tenant):
    """From the first moment on, as an id that nobody has made; the end of the restriction opens it."""
    recording = tenant.uploaded(AUDIO)
    path = doorway(tenant, recording)
    unknown = house.client().get(f"/h/{'A' * 64}")
    link = tenant.link(recording)["url"]
    restriction = tenant.url(f"/recordings/{recording}/restriction")
    assert tenant.http.put(restriction, json={}).is_success
    assert house.client().get(path).status_code == 404
    assert tenant.http.delete(restriction).is_success
    assert house.client().get(path).status_code == 200
    assert tenant.http.delete(tenant.url(f"/recordings/{recording}")).status_code in {202, 204}
    page = house.client().get(path)
    assert (page.status_code, page.text) == (404, unknown.text)
    assert house.client().post(path, data={"link": link}).status_code == 404
    assert _led(house, tenant, path.rpartition("/")[2]).status_code == 404


def _led(house: House, tenant: Tenant, door: str) -> httpx.Response:
    """Follow the way of a doorway's page with a session of an account."""
    return sign_in(house, tenant.name, "recordings:read").get(f"/console/doorways/{door}")
