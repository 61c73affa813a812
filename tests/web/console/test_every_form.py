"""Each field of each form, wrong in turn: it is told at the field and in the summary, in the words of its label."""

import html
import re
import secrets
from collections.abc import Iterator
from typing import Final

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.support.api_words import texts_with_api_words
from tests.support.chromium import new_page
from tests.support.console import OWN, key_text, sign_in, violations
from tests.support.console_forms import Field, PageForm, forms_of
from tests.support.console_pages import PAGES, path_of
from tests.support.example_account import ExampleAccount, example_account
from tests.support.web_house import House
from tests.web.console.doors import DOORS
from vault.web.console.forms import NONCE

pytestmark = pytest.mark.xdist_group("console forms")
#: No text, number, time or address has this character.
WRONG: Final = "\x07wrong"
#: What confirms an act is typed again.
RETYPED: Final = ("name",)
#: No page has it again.
FORGOTTEN: Final = ("client_secret",)
OK, SEE_OTHER, UNAUTHENTICATED = 200, 303, 401
_ANY: Final = "every text is searched for, or stored as it is"
_LATER: Final = "what it depends on is told first; it is told once that is mended"
#: Fields that no text is wrong for, or not immediately: address and field, and why.
EXEMPT: Final[tuple[tuple[str, str], ...]] = (
    (r"/(recordings|people)/search (agent|call|listener)|/registers/disclosures \w+", _ANY),
    (r"/recordings/\w+/(hold hold_reason|restriction requests)|/holds reason|/requests wish", _ANY),
    (r"/requests/\w+/decision/check (statute|until|reason)", _ANY),
    (r"/consent (keys\.\w+|name)|/retention/preview classes\.\d+\..*", _LATER),
    (r"/requests/\w+/extension reason|/requests region|/closure reason", _LATER),
    (r"/registers/(recipients (parent|other_covers)|authorities/\w+ recordings)", _LATER),
    (
        r"/connections/keys/(own-key|links|cuts) \w+|/connections (title|previous.*)",
        _LATER,
    ),
    (r".* name", "what confirms an act in a list is told above the list"),
    (r"/access/sign-in .*", "an entry of the roles is told at the list"),
)
_SUMMARY: Final = re.compile(r'<div class="notice bad problems".*?</div>', re.DOTALL)
_MESSAGE: Final = re.compile(r'<span class="wrong".*?</span>', re.DOTALL)
_LINK: Final = re.compile(r'<li><a href="#([^"]+)">([^:<]+):')


@pytest.fixture(scope="module")
def account(house: House) -> Iterator[ExampleAccount]:
    """An account with something on every page."""
    return example_account(house)


@pytest.fixture(scope="module")
def client(house: House, account: ExampleAccount) -> httpx.Client:
    """Somebody with every scope."""
    return sign_in(house, account.tenant.name)


@pytest.fixture(scope="module")
def key(house: House, account: ExampleAccount) -> str:
    """The key with which somebody signs in again."""
    return key_text(house, account.tenant.name)


@pytest.fixture
def browser_page(house: House, account: ExampleAccount, browser: Browser) -> Iterator[Page]:
    """A browser in which somebody is signed in."""
    with new_page(browser) as page:
        page.goto(f"{house.url}/console/sign-in")
        page.get_by_label("API key").fill(key_text(house, account.tenant.name))
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/console/accounts/**")
        yield page


def opened(client: httpx.Client, account: ExampleAccount, name: str) -> str:
    """Return a page."""
    return client.get(path_of(account, name)).text


def label_of(page: str, one: Field) -> str:
    """Return the label of a field."""
    found = re.search(rf'<label for="{re.escape(one.id)}">(.*?)</label>', page, re.DOTALL)
    assert found is not None, one
    return html.unescape(re.sub(r"<[^>]+>", "", found[1]))


def valid(form: PageForm, account: ExampleAccount) -> dict[str, str]:
    """Return what a form sends, with what it takes in fields that are empty."""
    path = form.action.rpartition(f"/{account.tenant.name}")[2]
    takes = next(
        (
            fields
            for (method, door), (_, fields) in DOORS.items()
            if method == "POST" and fields and fits(door, path)
        ),
        {},
    )
    filled = {name: value.format(account=account.tenant.name) for name, value in takes.items()}
    sent = form.sent()
    return sent | {name: value for name, value in filled.items() if not sent.get(name)}


def exempt(where: str) -> bool:
    """Return whether a field is named above."""
    return any(re.fullmatch(pattern, where) for pattern, _ in EXEMPT)


def fits(door: str, path: str) -> bool:
    """Return whether an address is of a route."""
    return re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(door)), path) is not None


def problem(  # noqa: PLR0911 - each return is another thing that is lacking
    client: httpx.Client, account: ExampleAccount, form: PageForm, wrong: Field
) -> str:
    """Return what the answer to a form with a wrong field lacks; empty if nothing."""
    sent = valid(form, account) | {wrong.name: WRONG, "nonce": secrets.token_hex(8)}
    answer = client.post(form.action, data=sent)
    if answer.status_code == SEE_OTHER and "/search" in form.action:
        # A search leads to an address, whose page tells what is wrong.
        answer = client.get(answer.headers["location"])
    if answer.status_code not in {404, 409, 422}:
        return f"status {answer.status_code}"
    page = answer.text
    again = next((one for one in forms_of(page) if one.action.partition("?")[0] == form.action), None)
    if again is None:
        return "the form is gone"
    flagged = [one for one in again.fields if one.name == wrong.name and one.is_invalid]
    if not flagged:
        return "not at the field: " + re.sub(r"\s+", " ", "".join(_SUMMARY.findall(page)))[:300]
    summary = _SUMMARY.search(page)
    if summary is None:
        return "no summary"
    label = label_of(page, flagged[0])
    links = {(found[1], html.unescape(found[2])) for found in _LINK.finditer(summary[0])}
    if not any(one == flagged[0].id and label.startswith(words) for one, words in links):
        return f"not in the summary: {links}"
    if said := texts_with_api_words("".join(_MESSAGE.findall(page)) + summary[0]):
        return f"words of the API: {sorted(said)}"
    left = {one.name: one.value for one in again.fields if one.is_typed}
    lost = {
        name
        for name, value in sent.items()
        if name in left and name not in RETYPED + FORGOTTEN and left[name].strip() != value.strip()
    }
    return f"lost: {sorted(lost)}" if lost else ""


@pytest.mark.parametrize("name", PAGES)
def test_a_wrong_field_is_told_at_the_field_and_in_the_summary(
    client: httpx.Client, account: ExampleAccount, name: str
):
    """Whatever else the form lacks, the field that is wrong is told, and what was typed into it stays."""
    found = {}
    for form in forms_of(opened(client, account, name)):
        path = form.action.rpartition(account.tenant.name)[2]
        for one in form.fields:
            where = f"{path} {one.name}"
            if not one.is_typed or not one.name or "multipart" in form.kind or exempt(where):
                continue
            if said := problem(client, account, form, one):
                found[where] = said
    assert found == {}


def test_the_summary_has_the_focus_and_leads_to_the_field(
    house: House, account: ExampleAccount, browser_page: Page
):
    """On the page, and in the dialog that comes back as the modal that it was."""
    page, base = browser_page, f"{house.url}/console/accounts/{account.tenant.name}"
    page.goto(f"{base}/holds/new")
    page.evaluate("document.querySelectorAll('[required]').forEach(one => one.removeAttribute('required'))")
    page.get_by_role("button", name="Place the hold").click()
    page.locator(".problems:focus").wait_for()
    page.locator(".problems a").first.click()
    assert page.evaluate("document.activeElement.name || document.activeElement.id").startswith("title")
    page.goto(f"{base}/recordings/{account.ids['call-20417']}")
    page.get_by_role("button", name="Erase", exact=True).click()
    page.locator("dialog[open] input[name=name]").fill("other")
    page.locator("dialog[open]").get_by_role("button", name="Erase").click()
    page.locator("dialog[open] .problems").wait_for()
    assert page.locator(".problems").count() == 1
    page.locator("dialog .problems:focus").wait_for()
    assert violations(page) == []


def returned(house: House, key: str, form: PageForm, sent: dict[str, str]) -> str:
    """Send a form whose session has ended, sign in again with the same key, and return the page that comes back."""
    browser = house.client(OWN)
    assert browser.post("/console/sign-in", data={"key": key}).status_code == SEE_OTHER
    # The hidden field says whose form it is.
    page = browser.get(form.page).text
    hidden = next(one for one in forms_of(page) if one.action == form.action).sent()
    sent = sent | {NONCE: hidden[NONCE]}
    assert browser.post("/console/sign-out").status_code == SEE_OTHER
    files = {"file": ("speech.wav", b"RIFF" + b"\x00" * 400_000)} if "multipart" in form.kind else None
    ended = browser.post(form.action, data=sent, files=files)
    assert ended.status_code == UNAUTHENTICATED, ended.text
    (again,) = forms_of(ended.text)
    assert again.action == form.action
    assert browser.post("/console/sign-in", data={"key": key}).status_code == SEE_OTHER
    answer = browser.post(again.action, data=again.sent())
    assert answer.status_code == OK, answer.text
    return answer.text


def lost(form: PageForm, sent: dict[str, str], page: str) -> dict[str, str]:
    """Return what was typed and is not in the page, and what is kept although it is secret."""
    again = next((one for one in forms_of(page) if one.action == form.action), None)
    if again is None:
        return {"": "the form is gone"}
    left = {one.name: one.value for one in again.fields if one.kind != "off"}
    ticked = {one.name: "ticked" for one in form.fields if one.kind == "off" and one.name not in left}
    return ticked | {
        one.name: left.get(one.name, "gone")
        for one in form.fields
        if one.name and one.is_typed and one.name not in RETYPED
        if left.get(one.name, "gone").strip() != ("" if one.kind == "password" else sent[one.name].strip())
    }


@pytest.mark.parametrize("name", PAGES)
def test_a_form_comes_back_after_a_session_that_ended(
    house: House, account: ExampleAccount, client: httpx.Client, key: str, name: str
):
    """With why, and with everything that was typed but what is secret."""
    found = {}
    address = path_of(account, name)
    forms = {re.sub(r"[0-9a-f]{32}", "", one.action): one for one in forms_of(opened(client, account, name))}
    for form in forms.values():
        if not any(one.is_typed for one in form.fields):
            continue
        form.page = address
        sent = valid(form, account) | {
            one.name: f"typed {number}"
            for number, one in enumerate(form.fields)
            if one.name and one.kind in {"text", "textarea", "password"}
        }
        sent |= {one.name: one.value for one in form.fields if one.kind == "off"}
        page = returned(house, key, form, sent)
        if "Your session had ended when you sent this." not in page:
            found[form.action] = {"": "not why"}
        elif missing := lost(form, sent, page):
            found[form.action] = missing
    assert found == {}
