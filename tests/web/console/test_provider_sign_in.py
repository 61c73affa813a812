"""Sign in at a provider over HTTP: the whole way of a browser, and what others send in its place."""

import re
from urllib.parse import quote

import pytest

from tests.fakes.provider_lies import CLIENT
from tests.support.console import nonce_of
from tests.support.provider_scene import Scene
from tests.support.web_house import AUDIO
from vault.web.console.sign_in.limits import MAX_FAILED


def test_a_person_signs_in_and_sees_what_the_role_allows(scene: Scene):
    """In one go to the page that was asked for; the cookie of the attempt is gone afterwards."""
    browser = scene.browser()
    answer = scene.sign_in(browser, next=scene.home)
    assert (answer.status_code, answer.headers["location"]) == (303, scene.home)
    assert [name for name in browser.cookies if "sign-in" in name] == []
    page = browser.get(scene.home)
    assert page.status_code == 200
    assert "<script>" not in page.text.replace("<script src=", "")
    members = scene.house.admin.get(scene.tenant.url("/members")).json()["items"]
    assert [(one["name"], one["subject"], one["roles"]) for one in members] == [
        ("Ada <script>", "ada", ["listener"])
    ]
    (session,) = scene.house.admin.get(scene.tenant.url("/console-sessions")).json()["items"]
    assert (session["member"], session["scopes"]) == (members[0]["id"], ["links:write", "recordings:read"])
    assert browser.get("/v1/accounts/" + scene.tenant.name).status_code == 401


def test_the_sign_in_page_leads_back_to_the_provider(scene: Scene):
    """When the session is over, for the browser that signed in there; nobody else is shown a provider."""
    browser = scene.browser()
    assert "Sign in at your provider" not in browser.get("/console/sign-in").text
    scene.sign_in(browser)
    browser.post("/console/sign-out")
    went = browser.get(f"{scene.home}/people")
    page = browser.get(went.headers["location"])
    address = f'href="/console/sign-in/{scene.connection["id"]}?next={quote(scene.home + "/people")}"'
    assert address in page.text
    browser.cookies.set("provider", "idp_x")
    assert (
        'href="/console/sign-in/'
        not in scene.house.client({"Cookie": "provider=idp_x"}).get("/console/sign-in").text
    )


def test_the_vault_signs_with_a_key_of_its_own(scene: Scene):
    """The provider reads the public key; a change keeps the key, another client gets another one."""
    signing = {"client_authentication": "private_key_jwt", "client_secret": None}
    connection = scene.put("signing", **signing)
    assert (connection["client_authentication"], connection["has_secret"]) == ("private_key_jwt", False)
    (key,) = scene.house.client().get(connection["jwks_uri"]).json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    scene.provider.client_keys = {"keys": [key]}
    try:
        scene.connection = connection
        assert [scene.sign_in(scene.browser()).status_code for _ in range(2)] == [303, 303]
        assert len(scene.provider.assertions) == 2
    finally:
        scene.provider.client_keys = None
    scene.put("signing", **signing, roles=[])
    assert scene.house.client().get(connection["jwks_uri"]).json()["keys"] == [key]
    scene.put("signing", **signing, client_id="another")
    assert scene.house.client().get(connection["jwks_uri"]).json()["keys"] != [key]
    scene.put("signing", client_secret="s")
    for gone in (connection["jwks_uri"], f"{connection['jwks_uri']}0"):
        assert scene.house.client().get(gone).status_code == 404
    body = {"issuer": scene.provider.issuer, "client_id": CLIENT, "client_secret": "s"} | {
        "client_authentication": "private_key_jwt"
    }
    refused = scene.house.admin.put(scene.tenant.url("/sign-in-connections/x"), json=body)
    assert (refused.status_code, refused.json()["field"]) == (422, "client_secret")


def test_two_tabs_sign_in_at_once(scene: Scene):
    """Each attempt has its own state and cookie."""
    browser = scene.browser()
    first, second = scene.begin(browser), scene.begin(browser)
    for answer in (first, second):
        assert browser.get(scene.connection["redirect_uri"], params=answer).status_code == 303


def test_a_role_that_was_taken_shows_nothing_at_the_next_request(scene: Scene):
    """The page says which scope is missing; a session that is ended leads to the sign-in."""
    browser = scene.browser()
    scene.sign_in(browser)
    assert browser.get(scene.home).status_code == 200
    scene.put(roles=[])
    assert browser.get(scene.home).status_code == 403
    (session,) = scene.house.admin.get(scene.tenant.url("/console-sessions")).json()["items"]
    ended = scene.house.admin.delete(scene.tenant.url(f"/console-sessions/{session['id']}"))
    assert ended.status_code == 204
    assert browser.get(scene.home).status_code == 303


@pytest.mark.parametrize(
    "asked",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/console/../v1",
        "/console//evil.example",
        "javascript:1",
    ],
)
def test_one_comes_back_to_a_page_of_ours(scene: Scene, asked: str):
    """Anything else is the console's first page."""
    assert scene.sign_in(scene.browser(), next=asked).headers["location"] == "/console"


def test_a_state_is_good_for_its_browser_and_its_connection(scene: Scene):
    """A stolen state, one that was used, and one of another account's provider: the page, and no session."""
    victim, thief = scene.browser(), scene.browser()
    stolen = scene.begin(victim)
    other = scene.put("other")
    assert scene.begin(victim)["state"] != stolen["state"]
    for browser, address, answer in (
        (thief, scene.connection["redirect_uri"], stolen),
        (victim, scene.connection["redirect_uri"], stolen),
        (victim, other["redirect_uri"], scene.begin(victim)),
        (victim, scene.connection["redirect_uri"], {}),
    ):
        refused = browser.get(address, params=answer)
        assert refused.status_code == 401
        assert "Begin again" in refused.text
        assert "console" not in browser.cookies


def test_a_parameter_that_is_there_twice_counts_for_nothing(scene: Scene):
    """Neither the first nor the last of them is taken."""
    for name in ("state", "code", "iss"):
        browser = scene.browser()
        answer = list(scene.begin(browser).items())
        twice = [*answer, next(pair for pair in answer if pair[0] == name)]
        assert browser.get(scene.connection["redirect_uri"], params=twice).status_code == 401, name


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ("groups overage", "too many"),
        ("idtoken-sig-none", "algorithm"),
        ("exp in milliseconds", "times"),
        ("token of another issuer", "issuer"),
        ("token of 1 MB", "token_size"),
        ("member twice in the claims", "token_form"),
    ],
)
def test_a_refusal_says_why_and_is_logged(scene: Scene, lie: str, said: str):
    """A clear page, no session, nothing of the token."""
    scene.provider.lie = lie
    browser = scene.browser()
    answer = scene.sign_in(browser)
    assert answer.status_code == 401
    assert said in answer.text
    assert re.search(r"eyJ[\w-]+\.", answer.text) is None
    assert "console" not in browser.cookies
    refused = [event for event in scene.tenant.events() if event["type"] == "console.refused"]
    assert refused[0]["actor"] == scene.connection["id"]
    assert refused[0]["detail"]["connection"] == "main"


def test_an_error_of_the_provider_is_shown_only_if_it_is_known(scene: Scene):
    """What others wrote into the address is not."""
    for error, shown in (("access_denied", True), ("<b>call 555</b>", False)):
        browser = scene.browser()
        answer = scene.begin(browser) | {"error": error}
        page = browser.get(scene.connection["redirect_uri"], params=answer)
        assert page.status_code == 401
        assert (error in page.text) is shown
        assert "call 555" not in page.text


def test_the_provider_signs_out_by_the_back_channel(scene: Scene):
    """200, and every session of it is over; a second time, a wrong token and none are 400."""
    browser = scene.browser()
    scene.sign_in(browser)
    stranger = scene.house.client()
    address = scene.connection["back_channel_logout_uri"]
    token = scene.provider.logout_token()
    done = stranger.post(address, data={"logout_token": token}, headers={"Origin": "https://idp.example"})
    assert (done.status_code, done.headers["cache-control"]) == (200, "no-store")
    assert browser.get(scene.home).status_code == 303
    for wrong in (
        token,
        scene.provider.logout_token(nonce="n"),
        scene.provider.id_token("n"),
        "x" * 10_000,
        "",
    ):
        refused = stranger.post(address, data={"logout_token": wrong})
        assert refused.status_code == 400, refused.text
        assert wrong[:20] not in refused.text or not wrong
    assert stranger.post(address, content=b"x" * 1_000_000).status_code in {400, 413}
    assert stranger.post(f"{address}0", data={"logout_token": token}).status_code == 400


def test_what_a_person_hears_ends_with_the_session(scene: Scene):
    """Signed out by the provider, or ended by an admin: the player's audio is gone, as of a revoked link."""
    recording = scene.tenant.uploaded(AUDIO)
    for end in ("provider", "admin"):
        browser = scene.browser()
        scene.sign_in(browser)
        page = browser.get(f"{scene.home}/recordings/{recording}")
        form = {"purpose": "quality", "nonce": nonce_of(page)}
        went = browser.post(f"{scene.home}/recordings/{recording}/listening", data=form)
        assert went.status_code == 303, went.text
        audio = f"{went.headers['location']}/audio"
        assert browser.get(audio).status_code == 200
        if end == "provider":
            token = {"logout_token": scene.provider.logout_token()}
            assert browser.post(scene.connection["back_channel_logout_uri"], data=token).status_code == 200
        else:
            (session,) = scene.house.admin.get(scene.tenant.url("/console-sessions")).json()["items"]
            scene.house.admin.delete(scene.tenant.url(f"/console-sessions/{session['id']}"))
        assert browser.get(audio).status_code == 404, end
    links = scene.house.admin.get(scene.tenant.url("/links")).json()["items"]
    assert {link["listener"] for link in links} == {"Ada <script>"}


def test_forms_of_another_site_are_refused(scene: Scene):
    """Also with a session that began at a provider."""
    browser = scene.browser()
    scene.sign_in(browser)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        assert browser.post("/console/sign-out", headers=headers).status_code == 403
    assert browser.get(scene.home).status_code == 200


def test_wrong_sign_ins_are_limited(scene: Scene):
    """After 60 within a minute from one address, further ones are 429 and ask no provider."""
    before = scene.provider.asked["/token"]
    codes = [
        scene.browser()
        .get(scene.connection["redirect_uri"], params={"state": str(n), "code": "c"})
        .status_code
        for n in range(MAX_FAILED + 20)
    ]
    assert codes == [401] * MAX_FAILED + [429] * 20
    assert scene.browser().get(scene.connection["sign_in_url"]).status_code == 429
    assert scene.provider.asked["/token"] == before


def test_a_provider_that_is_away_or_wrong_is_said(scene: Scene):
    """503 with a page while it does not answer, 502 for documents of another issuer, 404 for no connection."""
    away = scene.put("away", issuer="http://127.0.0.1:9")
    page = scene.browser().get(away["sign_in_url"])
    assert page.status_code == 503
    assert "retry-after" in page.headers
    wrong = scene.put("wrong", issuer=f"{scene.provider.issuer}/realm")
    assert scene.browser().get(wrong["sign_in_url"]).status_code == 502
    assert scene.browser().get(f"/console/sign-in/{quote('idp_0')}").status_code == 404
