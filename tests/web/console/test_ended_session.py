"""A form whose session has ended: nothing is done, and whoever typed it gets it back, in the same browser."""

import html
from datetime import timedelta

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.support.chromium import new_page
from tests.support.console import OWN, form_of, key_text, violations
from tests.support.console_forms import forms_of
from tests.support.provider_scene import Scene
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.web.console.ended_session import SEALED

pytestmark = pytest.mark.xdist_group("ended session")
WORDS = "The lawyer of M. Müller asked for it on Monday."


@pytest.fixture
def tenant(house: House) -> Tenant:
    """An account."""
    return Tenant.open(house.admin)


def typed(browser: httpx.Client, tenant: Tenant) -> dict[str, str]:
    """Return the form of a hold, filled in."""
    path = f"/console/accounts/{tenant.name}/holds"
    hidden = form_of(browser.get(f"{path}/new"), path)
    return hidden | {"title": "Müller", "reason": WORDS, "covers": "all"}


def signed_in(house: House, key: str, browser: httpx.Client | None = None) -> httpx.Client:
    """Return a browser with a session of a key."""
    browser = browser or house.client(OWN)
    assert browser.post("/console/sign-in", data={"key": key}).status_code == 303
    return browser


def ended(browser: httpx.Client, tenant: Tenant) -> dict[str, str]:
    """Type the form of a hold, end the session, send it, and return what the page sends that the vault answers."""
    form = typed(browser, tenant)
    assert browser.post("/console/sign-out").status_code == 303
    answer = browser.post(f"/console/accounts/{tenant.name}/holds", data=form)
    assert answer.status_code == 401
    assert "Nothing was done." in answer.text
    assert "Müller" not in html.unescape(answer.text)
    (one,) = forms_of(answer.text)
    return one.sent()


def test_nothing_is_done_until_it_is_sent_again(house: House, tenant: Tenant):
    """The form that comes back is sent as any other."""
    browser = signed_in(house, key := key_text(house, tenant.name))
    sealed = ended(browser, tenant)
    path = f"/console/accounts/{tenant.name}/holds"
    again = browser.post(path, data=sealed)
    assert again.status_code == 401, "not signed in yet"
    assert forms_of(again.text)[0].sent() == sealed
    signed_in(house, key, browser)
    page = browser.post(path, data=sealed)
    assert page.status_code == 200
    assert "Your session had ended" in page.text
    assert tenant.http.get(tenant.url("/holds")).json()["items"] == []
    (form,) = [one for one in forms_of(page.text) if one.action == path]
    assert form.sent()["reason"] == WORDS
    assert browser.post(path, data=form.sent()).status_code == 303
    assert [one["reason"] for one in tenant.http.get(tenant.url("/holds")).json()["items"]] == [WORDS]


def test_another_person_does_not_get_it(house: House, tenant: Tenant):
    """In the same browser and tab; it still waits for who typed it."""
    browser = signed_in(house, key := key_text(house, tenant.name))
    sealed, path = ended(browser, tenant), f"/console/accounts/{tenant.name}/holds"
    signed_in(house, key_text(house, tenant.name), browser)
    foreign = browser.post(path, data=sealed)
    assert foreign.status_code == 403
    assert "Somebody else filled in this form." in foreign.text
    assert "Müller" not in html.unescape(foreign.text)
    signed_in(house, key, browser)
    assert WORDS in html.unescape(browser.post(path, data=forms_of(foreign.text)[0].sent()).text)


def test_another_browser_address_or_hour_does_not_open_it(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
):
    """Its key is in a cookie of the browser, and it is sealed for its address and time."""
    browser = signed_in(house, key := key_text(house, tenant.name))
    sealed, base = ended(browser, tenant), f"/console/accounts/{tenant.name}"
    other = signed_in(house, key)
    signed_in(house, key, browser)
    damaged = {SEALED: sealed[SEALED][:-8] + "AAAAAAAA"}
    for client, path, sent in (
        (other, "/holds", sealed),
        (browser, "/closure", sealed),
        (browser, "/holds", damaged),
        (browser, "/holds", {SEALED: "x" * 5000}),
    ):
        answer = client.post(base + path, data=sent)
        assert answer.status_code == 422, path
        assert "The form cannot come back" in answer.text
        assert "Müller" not in html.unescape(answer.text)
    now = house.app.state.clock
    monkeypatch.setattr(house.app.state, "clock", lambda: now() + timedelta(minutes=61))
    assert browser.post(f"{base}/holds", data=sealed).status_code == 422
    monkeypatch.setattr(house.app.state, "clock", now)
    assert browser.post(f"{base}/holds", data=sealed).status_code == 200


def test_the_longest_form_comes_back(house: House, tenant: Tenant):
    """What the vault takes in one form it also takes sealed; what is longer it takes in neither."""
    browser = signed_in(house, key := key_text(house, tenant.name))
    path = f"/console/accounts/{tenant.name}/holds"
    form = typed(browser, tenant)
    form["reason"] = "a" * (64 * 1024 - len(str(httpx.QueryParams(form | {"reason": ""}))))
    browser.post("/console/sign-out")
    page = browser.post(path, data=form)
    assert page.status_code == 401
    signed_in(house, key, browser)
    found = browser.post(path, data=forms_of(page.text)[0].sent())
    assert found.status_code == 200
    assert form["reason"] in found.text
    assert browser.post(path, data=form | {"reason": form["reason"] + "a"}).status_code == 413


def test_a_form_that_cannot_be_read_says_so(house: House, tenant: Tenant):
    """And a page that is asked for without a session says why the sign-in is there."""
    stranger = house.client(OWN)
    path = f"/console/accounts/{tenant.name}/holds"
    answer = stranger.post(path, content=b"&".join(b"a=1" for _ in range(2000)))
    assert answer.status_code == 401
    assert "the form could not be read" in answer.text
    assert forms_of(answer.text) == []
    gone = house.client(OWN | {"Cookie": "console=" + "x" * 43}).get(f"{path}/new")
    assert "done=session_over" in gone.headers["location"]
    assert "Your session has ended. Sign in" in stranger.get(gone.headers["location"]).text
    assert "done=" not in stranger.get(f"{path}/new").headers["location"]


def test_it_comes_back_after_a_sign_in_at_a_provider(scene: Scene):
    """The other tab goes to the provider and back, and says that the first one goes on."""
    scene.provider.claims = {"groups": ["boss"], "name": "Ada"}
    browser = scene.browser()
    scene.sign_in(browser)
    sealed = ended(browser, scene.tenant)
    led = scene.sign_in(browser, next="/console/signed-in")
    assert led.headers["location"] == "/console/signed-in"
    assert "Go back to the tab with your form" in browser.get("/console/signed-in").text
    page = browser.post(f"/console/accounts/{scene.tenant.name}/holds", data=sealed)
    assert page.status_code == 200
    assert WORDS in html.unescape(page.text)


def test_the_tab_goes_on_when_another_one_has_signed_in(house: House, tenant: Tenant, browser: Browser):
    """In a browser with scripts nobody has to press the second button."""
    key = key_text(house, tenant.name)

    def enter(page: Page) -> None:
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Sign in", exact=True).click()

    with new_page(browser) as page:
        page.goto(f"{house.url}/console/sign-in")
        enter(page)
        page.wait_for_url("**/console/accounts/**")
        page.goto(f"{house.url}/console/accounts/{tenant.name}/holds/new")
        page.get_by_label("Name", exact=True).fill("Müller")
        page.get_by_label("Reason").fill(WORDS)
        page.get_by_label("every recording of this account").check()
        page.context.clear_cookies()
        page.get_by_role("button", name="Place the hold").click()
        page.get_by_role("heading", name="Your session has ended").wait_for()
        assert violations(page) == []
        with page.context.expect_page() as opened:
            page.get_by_role("link", name="Sign in, in a new tab").click()
        opened.value.wait_for_load_state()
        enter(opened.value)
        opened.value.get_by_role("heading", name="You are signed in").wait_for()
        page.get_by_text("Your session had ended when you sent this.").wait_for()
        assert page.get_by_label("Reason").input_value() == WORDS
        assert violations(page) == []
        page.get_by_role("button", name="Place the hold").click()
        page.get_by_text("The hold is placed").wait_for()
