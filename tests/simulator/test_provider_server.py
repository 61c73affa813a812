"""The host of a simulated provider: what it reads, what it answers, and what it writes down."""

import asyncio

import httpx
import pytest

from vault.errors import Invalid, Unavailable
from vault.simulator.exchange import Reply, VaultRequest
from vault.simulator.server import Exchange, provider_server
from vault.simulator.simulate import run_simulations, simulate
from vault.simulator.simulation import Way


async def test_a_request_arrives_whole_and_is_on_record() -> None:
    """Method, path, query with blanks, headers and body are what was sent; the answer is what was answered."""
    seen: list[VaultRequest] = []

    def answer(asked: VaultRequest) -> Reply:
        seen.append(asked)
        return Reply(status=200, body=bytes(300_000), content_type="audio/wav")

    async with provider_server() as server, httpx.AsyncClient(base_url=server.base) as client:
        server.answer = answer
        got = await client.post("/a%20b?x=1&x=&y=%2B", content=b"body", headers={"X-Name": "v"})
        exchanges = list(server.exchanges)
    assert (got.status_code, got.headers["content-type"], len(got.content)) == (200, "audio/wav", 300_000)
    (asked,) = seen
    assert (asked.method, asked.path, list(asked.query)) == (
        "POST",
        "/a%20b",
        [("x", "1"), ("x", ""), ("y", "+")],
    )
    assert (asked.body, asked.headers["x-name"]) == (b"body", "v")
    assert exchanges == [Exchange("POST", "/a%20b", 200)]


async def test_an_answer_without_content_has_no_length() -> None:
    """A 204 is one, also for clients that wait for a body."""
    async with provider_server() as server, httpx.AsyncClient(base_url=server.base) as client:
        server.answer = lambda _asked: Reply(status=204)
        got = await client.delete("/x")
    assert (got.status_code, "content-length" in got.headers, got.content) == (204, False, b"")


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\r\na: 2\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["words", "colon", "negative", "letters", "long", "twice", "head"],
)
async def test_what_is_no_request_is_400(sent: bytes) -> None:
    """The server answers and goes on."""
    async with provider_server() as server:
        port = int(server.authority.rpartition(":")[2])
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
            writer.close()
        assert [one.status for one in server.exchanges] == [400, 400]


async def test_a_port_that_is_taken_is_said() -> None:
    """The error names the address and what to do."""
    async with provider_server() as server:
        port = int(server.authority.rpartition(":")[2])
        with pytest.raises(Unavailable, match="Choose another --listen"):
            async with provider_server("127.0.0.1", port):
                pass


@pytest.mark.parametrize(
    ("provider", "ways", "field"),
    [
        ("nobody", {}, "provider"),
        ("vonage", {"way": "missed"}, "missed"),
        ("aircall", {"way": "steered"}, "steered"),
        ("twilio", {"press": "9"}, "press"),
        ("twilio", {"way": "silent", "press": "9"}, "press"),
        ("twilio", {"listen": "8090"}, "listen"),
    ],
)
async def test_what_cannot_be_simulated_is_said_before_anything_is_asked(
    provider: str, ways: dict[str, object], field: str
) -> None:
    """No vault is needed to hear that."""
    with pytest.raises(Invalid) as error:
        await simulate(provider, "http://127.0.0.1:9", "key", **ways)
    assert error.value.field == field


async def test_at_most_one_way_is_chosen() -> None:
    """The error names every option there is."""
    ways: dict[Way, bool] = {"expired": False, "missed": True, "switched_off": True}
    with pytest.raises(Invalid, match="--expired, --missed, --switched-off") as error:
        await run_simulations(
            "twilio",
            "http://127.0.0.1:9",
            "key",
            account="a",
            direction="inbound",
            listen="127.0.0.1:0",
            audio=None,
            ways=ways,
            press=None,
        )
    assert error.value.field == "switched_off"
