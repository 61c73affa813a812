"""The platform sends the audio itself: lengths, repeats, conflicts, and clients that go away."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Self

import httpx

from tests.servers.vault_process import VaultProcess
from tests.support.tenant import Tenant, tone

AUDIO = tone(2.0)


def pieces(body: bytes, size: int = 1000) -> Iterator[bytes]:
    """Cut a body into chunks, so that no length is declared."""
    return (body[start : start + size] for start in range(0, len(body), size))


def test_the_same_upload_again_is_welcome_and_another_is_a_conflict(tenant: Tenant):
    """201, then 200 for the same bytes with and without a length, then 409 and an event for other bytes."""
    first = tenant.put(AUDIO)
    assert first.status_code == 201
    recording = first.json()["id"]
    again = [tenant.put(AUDIO), tenant.put(pieces(AUDIO))]
    assert [(one.status_code, one.json()["id"]) for one in again] == [(200, recording)] * 2
    tenant.wait(recording)
    assert tenant.put(AUDIO).status_code == 200
    other = tenant.put(AUDIO[:-1] + b"\x01")
    assert (other.status_code, other.json()["reasons"]) == (409, ["other_bytes"])
    assert tenant.types(recording) == ["recording.available", "recording.conflict"]
    assert tenant.http.get(tenant.url(f"/recordings/{recording}/audio")).content == AUDIO


def test_a_chunked_upload_is_kept_whole(tenant: Tenant):
    """Without a declared length all bytes arrive, and one more than a frame, too."""
    for number, body in enumerate((AUDIO, tone(4.1), tone(9.0, rate=16000))):
        answer = tenant.put(pieces(body), ref=f"r-{number}")
        assert answer.status_code == 201
        recording = answer.json()["id"]
        assert tenant.wait(recording)["bytes"] == len(body)
        assert tenant.http.get(tenant.url(f"/recordings/{recording}/audio")).content == body


def test_an_upload_says_who_is_heard(tenant: Tenant):
    """The voices come with the address, once for each channel, and what is no voice is named."""
    url = tenant.url("/calls/call-1/recordings/voiced")
    answer = tenant.http.put(url, params={"voices": ["callee", "caller"]}, content=AUDIO)
    assert (answer.status_code, answer.json()["voices"]) == (201, ["callee", "caller"])
    assert tenant.wait(answer.json()["id"])["voices"] == ["callee", "caller"]
    for wrong in (["somebody"], ["all"] * 9):
        refused = tenant.http.put(url, params={"voices": wrong}, content=AUDIO)
        assert refused.status_code == 422
        assert "voices" in refused.text


class Raw:
    """An upload on a bare socket, which can stop anywhere."""

    def __init__(
        self, server: VaultProcess, tenant: Tenant, length: int, *more: str, ref: str = "rec-1"
    ) -> None:
        """Send the head."""
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=15)
        path = tenant.url(f"/calls/call-1/recordings/{ref}")
        key = tenant.http.headers["authorization"]
        lines = [
            f"PUT {path} HTTP/1.1",
            "Host: vault",
            f"Authorization: {key}",
            f"Content-Length: {length}",
            *more,
        ]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def __enter__(self) -> Self:
        """Use it as a context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Go away."""
        self.socket.close()

    def answer(self) -> bytes:
        """Return what the server said, to the end of its head."""
        data = b""
        while b"\r\n\r\n" not in data and (block := self.socket.recv(65536)):
            data += block
        return data


def transferring(tenant: Tenant) -> str:
    """Wait until the upload has its row, and return its id."""
    deadline = time.monotonic() + 60
    while not (items := tenant.http.get(tenant.url("/recordings?state=transferring")).json()["items"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return items[0]["id"]


def test_switched_off_an_upload_is_refused_before_its_body(tenant: Tenant, server: VaultProcess):
    """The 409 comes while the body is still to be sent: to who waits to be asked, and to who stalls."""
    tenant.switch(enabled=False)
    with Raw(server, tenant, 10_000_000, "Expect: 100-continue") as client:
        assert client.answer().startswith(b"HTTP/1.1 409 ")
    with Raw(server, tenant, 10_000_000, ref="rec-2") as client:
        client.socket.sendall(AUDIO[:1000])
        assert client.answer().startswith(b"HTTP/1.1 409 ")
    answer = tenant.put(AUDIO, ref="rec-3")
    assert (answer.status_code, answer.json()["reasons"][0]) == (409, "switch_off")
    tenant.switch(enabled=True)
    again = tenant.put(AUDIO, ref="rec-3")
    assert (again.status_code, again.json()["reasons"]) == (409, answer.json()["reasons"])


def test_a_client_that_goes_away_can_come_back(tenant: Tenant, server: VaultProcess):
    """Half a body and a closed connection leave the row for the next PUT; nothing of the first is heard."""
    with Raw(server, tenant, len(AUDIO)) as client:
        client.socket.sendall(AUDIO[: len(AUDIO) // 2])
        recording = transferring(tenant)
    tenant.wait(recording, "retry_wait")
    answer = tenant.put(AUDIO)
    assert (answer.status_code, answer.json()["id"]) == (201, recording)
    tenant.wait(recording)
    assert tenant.http.get(tenant.url(f"/recordings/{recording}/audio")).content == AUDIO


def test_the_second_of_two_uploads_at_once_is_told_to_wait(tenant: Tenant, server: VaultProcess):
    """409 with Retry-After for the second; the first is not disturbed."""
    with Raw(server, tenant, len(AUDIO)) as client:
        client.socket.sendall(AUDIO[:1000])
        transferring(tenant)
        second = tenant.put(AUDIO)
        assert (second.status_code, second.json()["reasons"]) == (409, ["busy"])
        assert int(second.headers["retry-after"]) > 0
        client.socket.sendall(AUDIO[1000:])
        assert client.answer().startswith(b"HTTP/1.1 201 ")


def test_switching_off_during_an_upload_refuses_it(tenant: Tenant, server: VaultProcess):
    """The switch goes off between two halves of a body: the client hears 409, the row is refused for good."""
    with Raw(server, tenant, len(AUDIO)) as client:
        client.socket.sendall(AUDIO[:1000])
        recording = transferring(tenant)
        tenant.switch(enabled=False)
        tenant.switch(enabled=True)
        client.socket.sendall(AUDIO[1000:])
        assert client.answer().startswith(b"HTTP/1.1 409 ")
    assert tenant.get(recording)["state"] == "refused"
    assert tenant.put(AUDIO).status_code == 409


def test_many_uploads_at_once_keep_their_own_bytes(tenant: Tenant):
    """Eight clients concurrently: each recording opens to exactly what was sent for it."""
    bodies = {f"r-{number}": tone(1.0, hertz=300 + 50 * number) for number in range(8)}
    ids: dict[str, str] = {}

    def send(ref: str) -> None:
        with httpx.Client(base_url=tenant.http.base_url, headers=tenant.http.headers, timeout=30) as client:
            answer = client.put(tenant.url(f"/calls/c/recordings/{ref}"), content=bodies[ref])
            ids[ref] = answer.json()["id"]

    threads = [threading.Thread(target=send, args=(ref,)) for ref in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for ref, recording in ids.items():
        tenant.wait(recording)
        assert tenant.http.get(tenant.url(f"/recordings/{recording}/audio")).content == bodies[ref]
    assert len(set(ids.values())) == len(bodies)
