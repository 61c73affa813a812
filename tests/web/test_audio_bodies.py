"""What is sent instead of audio by mistake is refused before there is a row, and says what to send."""

import gzip
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House

pytestmark = pytest.mark.faults

WRONG = [
    "multipart/form-data; boundary=x",
    "Multipart/Form-Data; boundary=x",
    "application/json",
    "application/json; charset=utf-8",
    "application/problem+json",
    "application/xml",
    "text/plain",
    "text/html; charset=utf-8",
]
RIGHT = [
    "audio/wav",
    "AUDIO/X-WAV",
    "application/octet-stream",
    "video/mp4",
    "application/ogg",
    "",
    "nonsense",
    "application/x-www-form-urlencoded",
]


@pytest.fixture(scope="module")
def tenant(house: House) -> Tenant:
    """An account of its own."""
    return Tenant.open(house.admin)


def send(tenant: Tenant, ref: str, body: Any, media_type: str = "audio/wav") -> httpx.Response:
    """Upload with a Content-Type."""
    url = tenant.url(f"/calls/call-1/recordings/{ref}")
    return tenant.http.put(url, content=body, headers={"Content-Type": media_type})


def kept(tenant: Tenant) -> set[str]:
    """Return the names of the recordings of which there is a row."""
    items = tenant.http.get(tenant.url("/recordings"), params={"limit": 200}).json()["items"]
    return {one["recording_ref"] for one in items}


@pytest.mark.parametrize("media_type", WRONG)
def test_a_form_or_a_text_is_415(tenant: Tenant, media_type: str):
    """With the remedy, also for more bytes than a socket holds; and the name is still free."""
    for body in (AUDIO, bytes(3_000_000)):
        answer = send(tenant, "wrong", body, media_type)
        assert (answer.status_code, answer.json()["title"]) == (415, "Wrong media type")
        assert "Send the audio itself as the body" in answer.json()["detail"]
    assert "wrong" not in kept(tenant)


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "aes128gcm"])
def test_a_compressed_body_is_415(tenant: Tenant, encoding: str):
    """With what is taken instead; it would be stored as it came, and fail later. The name is still free."""
    url = tenant.url("/calls/call-1/recordings/packed")
    headers = {"Content-Type": "audio/wav", "Content-Encoding": encoding}
    answer = tenant.http.put(url, content=gzip.compress(AUDIO), headers=headers)
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
    assert "Send the audio itself as the body" in answer.json()["detail"]
    assert "packed" not in kept(tenant)


def test_no_encoding_by_its_name_is_taken(tenant: Tenant):
    """``identity`` says that there is none (RFC 9110, 12.5.3)."""
    url = tenant.url("/calls/call-1/recordings/plain")
    headers = {"Content-Type": "audio/wav", "Content-Encoding": "Identity"}
    assert tenant.http.put(url, content=AUDIO, headers=headers).status_code == 201


def test_a_file_in_a_form_is_415(tenant: Tenant):
    """As `curl -F` and every HTTP library send it; then the file itself is taken under the same name."""
    url = tenant.url("/calls/call-1/recordings/formed")
    assert tenant.http.put(url, files={"file": ("call.wav", AUDIO, "audio/wav")}).status_code == 415
    assert send(tenant, "formed", AUDIO).status_code == 201


def nothing() -> Iterator[bytes]:
    """Yield no bytes, in chunks."""
    yield from ()


@pytest.mark.parametrize("body", [b"", nothing], ids=["declared", "in chunks"])
def test_nothing_is_422(tenant: Tenant, body: Any):
    """Declared as nothing or found to be: no row, and the name is still free."""
    ref = f"empty-{callable(body)}"
    answer = send(tenant, ref, body() if callable(body) else body)
    assert (answer.status_code, answer.json()["field"]) == (422, "body")
    assert "The body is empty. Send the audio itself" in answer.json()["detail"]
    assert ref not in kept(tenant)
    assert send(tenant, ref, AUDIO).status_code == 201


@pytest.mark.parametrize("media_type", RIGHT)
def test_a_type_that_may_be_audio_is_taken(tenant: Tenant, media_type: str):
    """The describer looks at the bytes, not at their name."""
    assert send(tenant, f"right-{RIGHT.index(media_type)}", AUDIO, media_type).status_code == 201


def test_the_audio_of_a_notice_is_no_form(tenant: Tenant):
    """The other door that takes audio says the same."""
    said = {"language": "en", "audience": "caller", "mode": "announce"}
    notice = tenant.http.post(tenant.url("/notices"), json=said).json()["id"]
    url = tenant.url(f"/notices/{notice}/audio")
    for wrong in WRONG:
        answer = tenant.http.put(url, content=AUDIO, headers={"Content-Type": wrong})
        assert answer.status_code == 415, wrong
    assert tenant.http.put(url, files={"file": ("call.wav", AUDIO, "audio/wav")}).status_code == 415
    assert tenant.http.put(url, content=AUDIO, headers={"Content-Type": "audio/wav"}).status_code == 200
