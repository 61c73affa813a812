"""The receipt as a page: what a person reads, in each language, printed, on a phone, by a screen reader."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from threading import Event

import pytest
from playwright.sync_api import Browser, Page

from tests.support.chromium import complaints, new_page
from tests.support.console import sign_in, violations
from tests.support.example_account import OFFICE, ExampleAccount
from tests.support.register_entries import PROFILE
from tests.support.tenant import Tenant, moment
from tests.support.web_house import AUDIO, House
from vault.domain.requests.decision import CODES
from vault.domain.requests.receipt import STAYS
from vault.domain.requests.receipt_summary import summarise
from vault.web.console.requests.receipt_page import OUTCOME_WORDS, STAY_WORDS
from vault.web.http.languages import LANGUAGES
from vault.web.http.translations import in_language, translated

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("console forms")]


@dataclass(frozen=True)
class Asked:
    """An account of which a person asked an erasure, and the address of the request's receipt."""

    tenant: Tenant
    receipt: str


@pytest.fixture(scope="module")
def asked(house: House) -> Asked:
    """A closed request: one recording was erased, another is kept because a law requires it."""
    tenant, number = Tenant.open(house.admin), "+12125550163"
    account, now = ExampleAccount(tenant), moment(datetime.now(UTC))
    facts = {"direction": "inbound", "from": number, "to": OFFICE, "started_at": now}
    for call in ("call-1", "call-2"):
        account.sent("PUT", f"/calls/{call}", facts)
        account.ids[call] = tenant.uploaded(AUDIO, call=call, ref=call)
    record = PROFILE | {"requests_to": "privacy@harbourcycles.example"}
    account.sent("PUT", "/processing-record", record)
    entered = {"kind": "erasure", "regime": "gdpr", "reference": "mail-7", "channel": "mail"}
    entered["received_at"] = moment(datetime.now(UTC))
    person = {"identities": [{"type": "number", "value": number}]}
    path = f"/requests/{account.sent('POST', '/requests', entered | person)['id']}"
    said = {"method": "callback", "at": moment(datetime.now(UTC))}
    account.sent("POST", f"{path}/verification", said)
    kept = {"code": "kept_legal_obligation", "statute": "HGB 257"}
    decision = {"code": "erased", "reason": "an invoice", "verdicts": {account.ids["call-2"]: kept}}
    account.sent("POST", f"{path}/decision", decision)
    while account.sent("GET", path)["closed_at"] is None:
        Event().wait(0.05)
    return Asked(tenant, f"/console/accounts/{tenant.name}{path}/receipt")


@pytest.fixture
def phone(browser: Browser, language: str) -> Iterator[Page]:
    """A phone of somebody who reads this language."""
    with new_page(browser, language, size=(390, 844)) as page:
        yield page


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_reads_what_was_done(house: House, asked: Asked, phone: Page, language: str, tmp_path: Path):
    """From the file alone, without the vault: nothing is fetched, one main part, no heading left out."""
    answer = sign_in(house, asked.tenant.name).get(f"{asked.receipt}?page={language}")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment; filename="receipt-req_')
    file = tmp_path / "receipt.html"
    file.write_text(answer.text, "utf-8")
    errors, fetched = complaints(phone), []
    phone.on("request", lambda one: fetched.append(one.url))
    phone.goto(file.as_uri())
    assert [one for one in fetched if not one.startswith("file:")] == []
    assert phone.evaluate("document.documentElement.lang") == language
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(phone) == []
    assert phone.locator("main").count() == 1
    levels = phone.evaluate("[...document.querySelectorAll('h1, h2')].map(one => Number(one.tagName[1]))")
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    text = phone.inner_text("main")
    with in_language(language):
        words = OUTCOME_WORDS["erased"], OUTCOME_WORDS["kept_legal_obligation"], *STAY_WORDS.values()
        said = [one for one in words if translated(one) in text]
    assert said == [one for one in words if one != STAY_WORDS["locked_objects"]]
    for one in ("mail-7", "HGB 257", "privacy@harbourcycles.example"):
        assert one in text
    phone.emulate_media(media="print")
    assert phone.locator("pre").is_visible()
    assert phone.pdf().startswith(b"%PDF")
    assert errors == []


def test_every_code_has_words():
    """Of an outcome, and of what stays; the statement of an account that is closed has counts alone."""
    assert OUTCOME_WORDS.keys() == set(CODES)
    assert STAY_WORDS.keys() == STAYS.keys() | {"locked_objects"}
    closed = (
        b'{"answered_at":"2026-01-02T00:00:00.000Z","kind":"closure","outcome":"fulfilled","received_at":'
        b'"2026-01-01T00:00:00.000Z","recordings":[],"recordings_erased":7,"stays":{"tombstone":"x"}}'
    )
    (one,) = summarise(closed).outcomes
    assert (one.code, one.recordings, one.calls) == ("erased", 7, 0)


def test_a_language_that_there_is_not_is_refused(house: House, asked: Asked):
    """And a request that is open has no page."""
    client = sign_in(house, asked.tenant.name)
    assert client.get(f"{asked.receipt}?page=it").status_code == 404
    entered = {
        "kind": "access",
        "regime": "gdpr",
        "reference": "mail-8",
        "received_at": moment(datetime.now(UTC)),
    }
    entered |= {"channel": "mail", "identities": [{"type": "number", "value": "+12125550199"}]}
    other = ExampleAccount(asked.tenant).sent("POST", "/requests", entered)["id"]
    path = f"/console/accounts/{asked.tenant.name}/requests/{other}/receipt?page=fr"
    assert client.get(path).status_code == 404
