"""What the vault sends to receivers that accounts name: the answer decides, and nothing of a bad one costs more."""

import gzip
import socket

import pytest

from tests.servers.media import MediaServer, Script, answer, drip, endless, head, raw
from tests.support.dialing import Diversion, ScriptedResolver
from tests.telephony.fetching import NO_TLS
from vault.domain.outbox.attempt import Answer
from vault.errors import FetchFailed
from vault.telephony.http import outside
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.outside import MAX_BODY, MAX_REPLY, GuardedOutside


def sender(server: MediaServer) -> GuardedOutside:
    """Return a client that may reach the host."""
    return GuardedOutside(GuardedHttp(allow=[server.authority], ssl_context=NO_TLS))


async def post(server: MediaServer, script: Script) -> Answer:
    """Post to a receiver that answers so."""
    url = server.on("/hook", script)
    return await sender(server).post(url, {"webhook-id": "msg_1"}, b'{"a": 1}')


async def test_a_post_and_its_answer(server: MediaServer) -> None:
    """The body goes whole, with its headers; status, Retry-After and the beginning of the body come back."""
    said = await post(server, answer(b"taken", status=429, headers={"Retry-After": "37"}))
    assert (said.status, said.retry_after, said.body) == (429, "37", b"taken")
    (exchange,) = server.exchanges
    assert exchange.head.startswith(b"POST /hook ")
    assert (exchange.header("webhook-id"), exchange.header("content-length")) == ("msg_1", "8")


async def test_a_request_has_its_method_and_the_headers_of_its_answer(server: MediaServer) -> None:
    """Of a header that comes twice, both values."""
    lines = b"HTTP/1.1 200 OK\r\nX-Left: 7\r\nLink: a\r\nLink: b\r\nContent-Length: 2\r\n\r\n"
    url = server.on("/records/1", raw(lines, b"{}"))
    said = await sender(server).request("PATCH", url, {"authorization": "Bearer t"}, b"{}", ["crm.example"])
    assert (said.status, said.headers["x-left"], said.headers["link"], said.body) == (200, "7", "a,b", b"{}")
    (exchange,) = server.exchanges
    assert exchange.head.startswith(b"PATCH /records/1 ")
    assert exchange.header("authorization") == "Bearer t"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://crm.example.evil.example/",
        "https://crm.example:8443/",
        "http://crm.example/",
    ],
)
async def test_a_request_goes_to_its_hosts_alone(server: MediaServer, url: str) -> None:
    """Nothing is sent elsewhere: it would get the token."""
    with pytest.raises(FetchFailed) as refused:
        await sender(server).request("GET", url, {"authorization": "Bearer t"}, b"", ["crm.example"])
    assert refused.value.final
    assert server.exchanges == []


async def test_of_the_answer_to_a_request_a_mebibyte_is_read(
    server: MediaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no more of one without an end."""
    monkeypatch.setattr(outside, "BODY_TIMEOUT", 5.0)
    url = server.on("/endless", endless())
    said = await sender(server).request("GET", url, {}, b"", ["crm.example"])
    assert len(said.body) == MAX_REPLY


async def test_a_redirect_is_not_followed(server: MediaServer) -> None:
    """Wherever it goes; it is an answer like another."""
    server.on("/other", answer(b"inside"))
    for place in ("/other", "http://169.254.169.254/latest/meta-data/", "http://127.0.0.1/"):
        said = await post(server, answer(status=302, headers={"Location": place}))
        assert said.status == 302
    assert {one.head.split(b" ")[1] for one in server.exchanges} == {b"/hook"}


@pytest.mark.parametrize(
    "script",
    [
        endless(),
        raw(head(200, {"Content-Length": str(1024**3)}), *[b"x" * 65536] * 2, hang=True),
        # A bomb: nothing is unpacked, so that it has only the bytes that came.
        raw(head(200, {"Content-Encoding": "gzip", "Content-Length": "99999"}), gzip.compress(b"0" * 10**8)),
    ],
    ids=["endless", "1 GB", "gzip bomb"],
)
async def test_a_long_answer_costs_no_more_than_a_short_one(
    server: MediaServer, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever answered 200 has answered; of the body 20,000 bytes are read."""
    monkeypatch.setattr(outside, "BODY_TIMEOUT", 0.5)
    said = await post(server, script)
    assert said.status == 200
    assert len(said.body) == MAX_BODY
    await server.exchanges[-1].gone.wait()


@pytest.mark.parametrize("limit", ["TIMEOUT", "BODY_TIMEOUT"])
async def test_a_body_that_hangs_does_not_undo_the_status(
    server: MediaServer, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be sent again, although it was taken."""
    monkeypatch.setattr(outside, limit, 0.5)
    said = await post(server, raw(head(200, {"Content-Length": "100"}), b"abc", hang=True))
    assert said.status == 200


@pytest.mark.parametrize(
    "script",
    [raw(hang=True), drip(b"HTTP/1.1 200", b" ", pause=0.05)],
    ids=["silent", "byte by byte"],
)
async def test_a_receiver_that_hangs_is_left(
    server: MediaServer, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time that a whole attempt has, however often it sends a byte; it may have arrived."""
    monkeypatch.setattr(outside, "TIMEOUT", 0.5)
    with pytest.raises(FetchFailed, match="did not respond in time") as failed:
        await post(server, script)
    assert (failed.value.final, failed.value.host_down, failed.value.unsent) == (False, True, False)
    await server.exchanges[-1].gone.wait()


@pytest.mark.parametrize("script", [raw(), raw(b"HTTP/1.1 2"), raw(b"\0\0\0\0\r\n\r\n")])
async def test_what_is_no_answer_is_not_final(server: MediaServer, script: Script) -> None:
    """It hung up, or spoke something else: it may have taken the message."""
    with pytest.raises(FetchFailed) as failed:
        await post(server, script)
    assert (failed.value.final, failed.value.unsent) == (False, False)
    assert "hook" not in str(failed.value)


@pytest.mark.parametrize("fails", ["name", "connection", "handshake"])
async def test_what_was_not_sent_is_known(server: MediaServer, fails: str) -> None:
    """The name cannot be resolved, nobody listens, or TLS does not come about: nothing can have arrived."""
    allowed = server.authority
    if fails == "connection":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            allowed = f"127.0.0.1:{free.getsockname()[1]}"
    url = {"name": "https://a.example/", "handshake": f"https://{allowed}/"}.get(fails, f"http://{allowed}/")
    client = GuardedOutside(GuardedHttp(allow=[allowed], resolver=no_name, ssl_context=NO_TLS))
    with pytest.raises(FetchFailed) as failed:
        await client.post(url, {}, b"{}")
    assert (failed.value.final, failed.value.unsent) == (False, True)
    assert server.exchanges == []


async def no_name(host: str, port: int) -> list[str]:
    """Resolve nothing but addresses."""
    if host == "127.0.0.1":
        return [host]
    raise OSError


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/", "https://[::ffff:10.0.0.1]/", "https://10.0.0.1/", "https://user:pw@a.example/",
        "https://a.example:8443/", "http://a.example/", "https://127.0.0.1/", "https://[::1]/",
    ],
)  # fmt: skip
async def test_an_address_inside_is_never_dialled(url: str) -> None:
    """Checked when it is set, and at each attempt."""
    dialer = Diversion(1)
    client = GuardedOutside(GuardedHttp(dialer=dialer, ssl_context=NO_TLS))
    with pytest.raises(FetchFailed) as failed:
        await client.post(url, {}, b"{}")
    assert failed.value.final
    assert dialer.dialled == []
    with pytest.raises(FetchFailed):
        client.check(url)


async def test_a_name_that_changes_its_address_is_checked_at_each_attempt() -> None:
    """Public for the first attempt, inside for the second: the second goes nowhere."""
    resolver, dialer = ScriptedResolver(crm__example=[["93.184.216.34"], ["10.0.0.1"]]), Diversion(1)
    client = GuardedOutside(GuardedHttp(resolver=resolver, dialer=dialer, ssl_context=NO_TLS))
    client.check("https://crm.example/")
    for final in (False, True):
        with pytest.raises(FetchFailed) as failed:
            await client.post("https://crm.example/", {}, b"{}")
        assert failed.value.final is final
    assert dialer.dialled == ["93.184.216.34"]
    assert resolver.asked == ["crm.example"] * 2
