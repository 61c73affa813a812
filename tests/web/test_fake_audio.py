"""What calls itself audio and is not, and what is audio and something else besides: kept apart from browsers."""

import httpx
import pytest

from tests.support.corpus import polyglots, undecodable
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import House

pytestmark = pytest.mark.faults

FAKES = {name: undecodable()[name] for name in ("elf", "html", "html-before-audio", "zip")}
POLYGLOTS = polyglots()
AUDIO_TYPES = {"audio/wav", "audio/mpeg", "audio/ogg", "audio/flac"}


@pytest.mark.parametrize("name", FAKES)
def test_what_is_no_audio_fails_and_is_served_to_nobody(house: House, tenant: Tenant, name: str):
    """An upload that only calls itself a recording is refused by its content, and no byte of it comes back."""
    recording = tenant.put(FAKES[name]).json()["id"]
    found = tenant.wait(recording, "failed")
    assert [reason["code"] for reason in found["reasons"]] == ["undecodable"]
    path = tenant.url(f"/recordings/{recording}")
    answers = [house.admin.get(f"{path}/audio"), house.admin.get(f"{path}/waveform")]
    answers.append(house.admin.post(f"{path}/links", json={"listener": "Kim"}))
    for answer in answers:
        assert answer.status_code in (404, 409, 410)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", POLYGLOTS)
def test_audio_that_is_also_a_page_is_served_as_audio_alone(house: House, tenant: Tenant, name: str):
    """By every door, under every address: with a type of audio that a browser does not guess, and no script runs."""
    body = POLYGLOTS[name]
    recording = tenant.uploaded(body)
    browser, stranger = house.client(), house.client()
    session = open_link(browser, tenant.link(recording, download=True)["url"]).headers["location"]
    media = tenant.link(recording, kind="media")["url"]
    doors: list[tuple[httpx.Client, str]] = [
        (house.admin, tenant.url(f"/recordings/{recording}/audio")),
        *((browser, f"{session}/audio{ending}") for ending in ("", ".wav", ".html", ".svg", ".htm")),
        (browser, f"{session}/download"),
        (stranger, media),
    ]
    page = body.index(b"<!DOCTYPE html>")
    for client, path in doors:
        whole = client.get(path, headers={"Accept": "text/html"})
        part = client.get(path, headers={"Accept": "text/html", "Range": f"bytes={page}-"})
        assert (whole.status_code, whole.content) == (200, body), path
        assert (part.status_code, part.content) == (206, body[page:]), path
        for answer in (whole, part):
            assert answer.headers["content-type"] in AUDIO_TYPES, path
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
