"""What the server writes to its log holds nothing of people, and nothing that opens anything."""

import re
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.servers.clean_log import strangers
from tests.servers.forked import cold
from tests.servers.media import raw
from tests.servers.media_thread import MediaThread
from tests.servers.vault_process import vault_process
from tests.support.link_keys import register
from tests.support.link_minter import Minter
from tests.support.tenant import Tenant, moment, open_link, tone

pytestmark = pytest.mark.faults

#: The first of a handshake, which a server that knows websockets takes out of the hands of the app.
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "a2V5IGZvciBhIHRlc3QuLg==",
}
NUMBER, OTHER, AGENT, LISTENER = "+14155550142", "+14155550143", "Hildegunde Loggins", "Wolframia Loggins"


def walk(tenant: Tenant, media: MediaThread, browser: httpx.Client) -> list[str]:
    """Do what people do, well and badly; return what must not be in the log."""
    secret_path = f"/distinctive-{tenant.name}/call.wav"
    url = media.serve(secret_path, tone(1.0)) + "?signature=distinctive-signature"
    said = {"from_": NUMBER, "to": OTHER, "agent": AGENT, "direction": "inbound"}
    recording = tenant.announce(url, **said).json()["recording"]
    tenant.wait(recording)
    broken = media.on(f"/distinctive-broken-{tenant.name}", raw(b"HTTP/1.1 500 No\r\n\r\n"))
    tenant.wait(tenant.announce(broken, ref="rec-2", call="call-2", **said).json()["recording"], "retry_wait")
    link = tenant.link(recording, listener=LISTENER)
    opened = open_link(browser, link["url"])
    minter = register(tenant, Minter())
    signed = [minter.token(recording, lsn=LISTENER), minter.token(recording, aud="distinctive")]
    with httpx.Client(base_url=browser.base_url) as other:
        for token in signed:
            open_link(other, f"/p/{token}", nonce="n")
    browser.get(f"{opened.headers['location']}/audio", headers={"Range": "bytes=0-999"})
    browser.get(f"{opened.headers['location']}/audio", headers={"Range": "bytes=9999999-"})
    browser.get(link["url"], headers=WEBSOCKET)
    for path in ("/recordings", f"/calls/{NUMBER}", "/recordings?cursor=distinctive-cursor"):
        tenant.http.get(tenant.url(path), params={"number": NUMBER, "agent": AGENT})
    call = {"direction": "sideways", "from": NUMBER, "to": OTHER, "started_at": moment(datetime.now(UTC))}
    tenant.http.put(tenant.url("/calls/c"), json=call)
    browser.post(
        tenant.webhook_url, content=f"distinctive body {NUMBER}".encode(), headers={"webhook-id": "x"}
    )
    browser.get(tenant.url("/recordings"), headers={"Authorization": "Bearer cv_distinctive_key"})
    tenant.put(b"distinctive audio that is none", ref="rec-3", call="call-3")
    cookies = [value for _, value in browser.cookies.items()]
    return [
        NUMBER, NUMBER[1:], OTHER, AGENT, "Hildegunde", LISTENER, "Wolframia", secret_path, "distinctive",
        link["url"].rpartition("/")[2], *signed, *(token[-80:] for token in signed),
        tenant.secret, tenant.secret.removeprefix("whsec_"),
        tenant.http.headers["authorization"].removeprefix("Bearer "), *cookies,
    ]  # fmt: skip


def test_the_log_names_nobody_and_opens_nothing(media: MediaThread, tmp_path: Path):
    """Numbers, agents, listeners, tokens, secrets, keys, cookies and media URLs: not one byte of them."""
    settings = {"VAULT_MEDIA_ALLOW": media.authority, "VAULT_LOG_LEVEL": "DEBUG"}
    with vault_process(tmp_path, **settings) as server:
        headers = {"Authorization": f"Bearer {server.create_key()}"}
        with (
            httpx.Client(base_url=server.url, headers=headers, timeout=30) as admin,
            httpx.Client(base_url=server.url, timeout=30) as browser,
        ):
            forbidden = walk(Tenant.open(admin), media, browser)
        server.stop()
    log = server.log.read_bytes()
    assert b"ingest.put_off" in log
    assert all(len(word) > 6 for word in forbidden)
    assert [word for word in forbidden if word.encode() in log] == []


@pytest.mark.parametrize(
    "line",
    [
        b'{"event": "x", "reason": "cv_0123456789abcdef0123456789abcdef_%s"}' % (b"S" * 43),
        b'{"event": "GET /p/%s/open"}' % (b"t" * 43),
        b"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        b"Authorization: Bearer abcdefgh",
        b'{"reason": "+14155550142 is unknown"}',
        b"https://bucket.example/key?X-Amz-Signature=00",
        b"-----BEGIN PRIVATE KEY-----",
    ],
)
def test_the_look_at_every_log_sees_what_opens_something(line: bytes):
    """What each server of each test is looked at for would be found."""
    assert strangers(b'{"event": "fine"}\n' + line + b"\n") != []


def test_the_look_at_every_log_lets_pass_what_is_fine():
    """Ids of the vault, times and offsets are none of it."""
    line = b'{"at": "2026-01-02T03:04:05.678Z", "recording_id": "rec_0123456789abcdef0123456789abcdef", "x": "+00:00"}'
    assert strangers(line) == []


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the limits of a process")
def test_a_crash_writes_no_memory_to_disk(tmp_path: Path):
    """A server that holds keys, begun by somebody who wants core files, still writes none."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        with cold(), vault_process(tmp_path) as server:
            assert server.running is not None
            limits = Path(f"/proc/{server.running.pid}/limits").read_text()
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    (soft,) = re.findall(r"^Max core file size +(\S+)", limits, re.MULTILINE)
    # None would let Linux hand the memory to a program that collects cores.
    assert soft == ("1" if before[1] else "0")
