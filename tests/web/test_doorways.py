"""Doorways: addresses that open nothing by themselves, and lead to a sign-in or take a link."""

import httpx
import pytest

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
    assert f"/console/accounts/{tenant.id}/recordings/{recording}" in page.text
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
    """The way of the page leads to the sign-in of the console, which leads back."""
    recording = tenant.uploaded(AUDIO)
    doorway(tenant, recording)
    answer = house.client().get(f"/console/accounts/{tenant.id}/recordings/{recording}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/sign-in")
    assert recording in answer.headers["location"]
