"""The privacy page for callers over HTTP: public once it is published, in three languages, cached."""

import base64
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.support.register_entries import CONTROLLER, put, recipient, record
from tests.support.tenant import Tenant, moment
from tests.support.web_house import House


def page_of(house: House, url: str, **headers: str) -> httpx.Response:
    """Request the public page as anybody."""
    return httpx.get(url, headers=headers, timeout=30)


def test_the_privacy_page_is_public_once_it_is_published(house: House, tenant: Tenant):
    """Until then it is a 404 like any other; then it has what callers must be told, in three languages."""
    recipient(tenant)
    recipient(tenant, name="Quiet Ltd", public=False)
    assert put(tenant).status_code == 200
    assert record(tenant)["page_url"] is None
    url = put(tenant, published=True).json()["page_url"]
    shown = page_of(house, url)
    assert shown.status_code == 200
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="en">' in shown.text
    read = shown.text.replace("<bdi>", "").replace("</bdi>", "")
    told = [
        "Acme Limited",
        "dpo@acme.example",
        "Training of agents",
        "Hosting Inc (US)",
        "Data Protection Commission",
    ]
    assert [words for words in told if words not in read] == []
    assert "withdraw your consent" in shown.text
    secrets = [
        "Grace Hopper",
        "Boston",
        "Quiet Ltd",
        "door locks",
        tenant.name,
        tenant.id,
        tenant.secret,
        "<script",
    ]
    assert [words for words in secrets if words in shown.text] == []
    assert "Wie wir Gespräche aufzeichnen" in page_of(house, f"{url}/de").text
    assert '<html lang="fr">' in page_of(house, f"{url}/fr").text
    assert page_of(house, f"{url}/nl").status_code == 404
    assert put(tenant, published=False).status_code == 200
    assert page_of(house, url).status_code == 404


def test_nobody_is_said_to_receive_nothing(house: House, tenant: Tenant):
    """Without an entry, and with recipients that the page does not name, it says so, in each language."""
    sent = put(tenant, published=True).json()
    assert sent["page_lacks"] == ["recipient/connection/main", "recipients"]
    for language, words in (("en", "Not stated here"), ("de", "nicht angegeben"), ("fr", "Non indiqué ici")):
        assert words in page_of(house, f"{sent['page_url']}/{language}").text
    quiet = recipient(tenant, name="Quiet Ltd", public=False, covers=["connection/main"])
    assert "Not stated here" in page_of(house, f"{sent['page_url']}/en").text
    recipient(tenant)
    shown = page_of(house, f"{sent['page_url']}/en").text
    assert "Hosting Inc" in shown
    assert "There are others who are not named here" in shown
    assert record(tenant)["page_lacks"] == [f"unnamed/{quiet['id']}"]


def test_a_platform_without_a_recipient_is_one_of_the_others(house: House, tenant: Tenant):
    """The account receives recordings from it, so it is known that somebody receives data."""
    recipient(tenant, covers=["connection/main"])
    url = put(tenant, published=True).json()["page_url"]
    assert "others who are not named" not in page_of(house, f"{url}/en").text
    secret = "whsec_" + base64.b64encode(bytes(32)).decode()
    said = {"provider": "platform", "credentials": {"secret": secret}}
    assert tenant.http.put(tenant.url("/connections/more"), json=said).status_code == 200
    assert "others who are not named" in page_of(house, f"{url}/en").text
    assert "recipient/connection/more" in record(tenant)["page_lacks"]


def test_a_request_says_what_its_answer_lacks_and_what_no_search_finds(tenant: Tenant):
    """Before anything is sent: a recipient that nobody entered is not nobody, and digits may be a number."""
    person = [{"type": "number", "value": "+14155550187"}]
    said = {"kind": "access", "regime": "gdpr", "received_at": moment(datetime.now(UTC)), "reference": "r"}
    made = tenant.http.post(tenant.url("/requests"), json=said | {"identities": person})
    assert made.status_code == 201, made.text
    url = tenant.url(f"/requests/{made.json()['id']}")

    def shown() -> dict[str, Any]:
        found: dict[str, Any] = tenant.http.get(url).json()
        return found

    assert "digits_that_cannot_be_read" in shown()["not_searchable"]
    assert {"recipients", "recipient/connection/main"} <= set(shown()["answer_lacks"])
    recipient(tenant, covers=["connection/main"])
    assert not {"recipients", "recipient/connection/main"} & set(shown()["answer_lacks"])


def test_the_privacy_page_is_cached_and_validated(house: House, tenant: Tenant):
    """With an ETag that changes with what is told."""
    url = put(tenant, published=True).json()["page_url"]
    shown = page_of(house, url)
    assert shown.headers["cache-control"] == "public, max-age=900"
    again = page_of(house, url, **{"If-None-Match": shown.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert put(tenant, published=True, authority="Garante").status_code == 200
    other = page_of(house, url, **{"If-None-Match": shown.headers["etag"]})
    assert (other.status_code, "Garante" in other.text) == (200, True)


def test_typed_words_are_no_html(house: House, tenant: Tenant):
    """What the account typed is escaped."""
    typed = CONTROLLER | {"name": "<b>Acme</b>"}
    url = put(tenant, published=True, controller=typed).json()["page_url"]
    assert "&lt;b&gt;Acme" in page_of(house, url).text


@pytest.mark.parametrize("missing", ["controller", "purposes", "requests_to"])
def test_a_page_without_what_must_be_told_is_not_published(tenant: Tenant, missing: str):
    """422 with the field, and nothing is set."""
    empty = {"controller": None, "purposes": [], "requests_to": ""}[missing]
    answer = put(tenant, published=True, **{missing: empty})
    assert (answer.status_code, answer.json()["field"]) == (422, missing)
    assert record(tenant)["revision"] == 0


def test_the_id_of_another_entry_opens_no_page(house: House, tenant: Tenant):
    """Only a record of processing has one."""
    assert page_of(house, f"{house.url}/privacy/{recipient(tenant)['id']}").status_code == 404
