"""Sessions of people of a provider: one in a browser, and what goes on at the provider after a sign-out here."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest

from tests.fakes.provider_lies import CLIENT
from tests.support.provider_scene import Scene


def sessions(scene: Scene) -> list[dict[str, Any]]:
    """Return the open sessions of the account's people."""
    found = scene.house.admin.get(scene.tenant.url("/console-sessions")).json()["items"]
    return [one for one in found if one.get("member")]


def boss(scene: Scene, **said: Any) -> None:
    """Let the provider name an administrator."""
    scene.provider.claims = {"groups": ["boss"], "name": "Ada", **said}


def cookie(browser: httpx.Client) -> str | None:
    """Return the secret of the console's session."""
    return next((one.value for one in browser.cookies.jar if one.name.endswith("console")), None)


def test_a_verification_at_the_provider_begins_no_second_session(scene: Scene):
    """It is the session of before that is fresh now. Wrong: to leave one behind that nobody sees any more."""
    boss(scene)
    assert scene.tenant.http.put(scene.tenant.url("/step-up"), json={"required": True}).status_code == 200
    browser, before = scene.browser(), sessions(scene)
    scene.sign_in(browser)
    (first,) = [one for one in sessions(scene) if one not in before]
    secret = cookie(browser)
    sent = {"title": "k", "scopes": "audit:read"}
    assert browser.post(f"{scene.home}/access/keys", data=sent | {"nonce": "1"}).status_code == 409
    boss(scene, auth_time=int(datetime.now(UTC).timestamp()))
    scene.sign_in(browser, fresh="1", next="/console/verification?asked=1")
    assert [one["id"] for one in sessions(scene) if one["id"] not in {old["id"] for old in before}] == [
        first["id"]
    ]
    assert cookie(browser) == secret
    assert browser.post(f"{scene.home}/access/keys", data=sent | {"nonce": "2"}).status_code == 200


@pytest.mark.parametrize("how", ["another person", "ended"])
def test_a_session_goes_on_only_if_it_is_open_and_the_persons(scene: Scene, how: str):
    """Wrong: to go on with whatever session the browser has, as somebody else or after its end."""
    boss(scene)
    browser = scene.browser()
    before = {one["id"] for one in sessions(scene)}
    scene.sign_in(browser)
    (first,) = [one for one in sessions(scene) if one["id"] not in before]
    secret = cookie(browser)
    if how == "ended":
        ended = scene.house.admin.delete(scene.tenant.url(f"/console-sessions/{first['id']}"))
        assert ended.status_code == 204
    else:
        scene.provider.subject = "bob"
    try:
        scene.sign_in(browser)
    finally:
        scene.provider.subject = "ada"
    assert cookie(browser) != secret
    after = [one for one in sessions(scene) if one["id"] not in before]
    new = [one for one in after if one["id"] != first["id"]]
    assert len(new) == 1
    assert (new[0]["member"] == first["member"]) is (how == "ended")
    assert browser.get(scene.home).status_code == 200


def test_who_signs_out_here_reads_that_the_provider_goes_on(scene: Scene):
    """With the way to end that too; the next click at the provider would sign in the same person."""
    boss(scene)
    browser = scene.browser()
    scene.provider.end_session = f"{scene.provider.issuer}/session/end?theme=a"
    scene.house.vault.sign_in.sign_in.provider.documents._known.clear()
    try:
        scene.sign_in(browser)
        out = browser.post("/console/sign-out")
        page = browser.get(out.headers["location"])
        end = f"/console/sign-in/{scene.connection['id']}/end"
        assert "At your provider you are still signed in" in page.text
        assert f'href="{end}"' in page.text
        went = browser.get(end)
        assert went.status_code == 303
        assert (
            went.headers["location"]
            == f"{scene.provider.issuer}/session/end?theme=a&client_id={quote_plus(CLIENT)}"
        )
    finally:
        scene.provider.end_session = ""
        scene.house.vault.sign_in.sign_in.provider.documents._known.clear()


@pytest.mark.parametrize("address", ["", "http://other.example/end", "https://a b/", "javascript:alert(1)"])
def test_a_provider_without_such_an_address_is_no_obstacle(scene: Scene, address: str):
    """People sign in all the same, and read that they are still signed in there; nobody is led anywhere."""
    boss(scene)
    scene.provider.end_session = address
    scene.house.vault.sign_in.sign_in.provider.documents._known.clear()
    try:
        browser = scene.browser()
        assert scene.sign_in(browser).status_code == 303
        page = browser.get(f"/console/sign-in/{scene.connection['id']}/end")
        assert (page.status_code, "not at your provider" in page.text) == (200, True)
    finally:
        scene.provider.end_session = ""
        scene.house.vault.sign_in.sign_in.provider.documents._known.clear()


def test_nothing_is_said_of_a_provider_where_there_is_none(scene: Scene):
    """After a session of a key; nor does an address put anything else on the page."""
    browser = scene.browser()
    assert browser.post("/console/sign-in", data={"key": scene.house.key}).status_code == 303
    out = browser.post("/console/sign-out")
    assert out.headers["location"] == "/console/sign-in?done=signed_out"
    for wrong in ("idp_x", "../evil", '"><b>', "idp_" + "0" * 33):
        page = browser.get("/console/sign-in", params={"done": "signed_out", "still_at": wrong})
        assert "still signed in" not in page.text
    assert browser.get(f"/console/sign-in/idp_{'0' * 32}/end").status_code == 404
