"""One connection for several messages to one receiver: what ends it, and what is known of a message that it lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from tests.servers.certificates import certificate
from tests.support.dialing import Diversion, ScriptedResolver
from vault.errors import FetchFailed
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.outside import MAX_BODY, GuardedOutside

TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
URL = "https://crm.example/"


@dataclass
class Receiver:
    """Answers the requests of each connection with these."""

    answers: list[bytes]
    taken: list[str] = field(default_factory=list)
    #: Of each connection: set once both sides have ended it.
    ended: list[asyncio.Event] = field(default_factory=list)
    #: Whether it ends a connection after its answers, and does not wait for the other side.
    hangs_up: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        ended = asyncio.Event()
        self.ended.append(ended)
        number = len(self.ended)
        for answer in self.answers:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            await reader.readexactly(2)
            name = head.partition(b"webhook-id: ")[2][:1].decode()
            self.taken.append(f"{number} {name}")
            writer.write(answer)
        if not self.hangs_up:
            await reader.read()
        # Without the goodbye of TLS, for which the other side would have to read.
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()
        ended.set()


Sending = Callable[..., AbstractAsyncContextManager[tuple[GuardedOutside, Diversion]]]


@pytest.fixture(scope="module")
def sending(tmp_path_factory: pytest.TempPathFactory) -> Sending:
    """Lets a receiver listen, and yields a client whose look-ups give these addresses, one after the other."""
    serving, trusting = certificate(tmp_path_factory.mktemp("tls"), "crm.example")

    @asynccontextmanager
    async def begin(receiver: Receiver, *addresses: str) -> AsyncIterator[tuple[GuardedOutside, Diversion]]:
        server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=serving)
        dialer = Diversion(server.sockets[0].getsockname()[1])
        resolver = ScriptedResolver(crm__example=[[one] for one in addresses or ("93.184.216.34",)])
        async with server:
            yield GuardedOutside(GuardedHttp(resolver=resolver, dialer=dialer, ssl_context=trusting)), dialer

    return begin


async def test_messages_go_by_one_connection_which_ends_with_them(sending: Sending) -> None:
    """In their order; what is sent alone has a connection of its own, and says that it closes it."""
    receiver = Receiver([TAKEN] * 3)
    async with sending(receiver) as (outside, dialer):
        async with outside.keep_alive() as post:
            for name in "abc":
                assert (await post(URL, {"webhook-id": name}, b"{}")).status == 204
            assert not receiver.ended[0].is_set()
        await receiver.ended[0].wait()
        await outside.post(URL, {"webhook-id": "d"}, b"{}")
        await receiver.ended[1].wait()
    assert receiver.taken == ["1 a", "1 b", "1 c", "2 d"]
    assert len(dialer.dialled) == 2


async def test_each_has_its_own(sending: Sending) -> None:
    """Two receivers at the same address, and two places of one, share nothing."""
    receiver = Receiver([TAKEN] * 3)
    async with sending(receiver) as (outside, _), outside.keep_alive() as one, outside.keep_alive() as other:
        for post, name in ((one, "a"), (other, "b"), (one, "c"), (other, "d")):
            await post(URL, {"webhook-id": name}, b"{}")
    assert receiver.taken == ["1 a", "2 b", "1 c", "2 d"]


async def test_a_host_that_moves_is_dialled_again(sending: Sending) -> None:
    """A connection stays with its address as long as a look-up gives it."""
    receiver = Receiver([TAKEN] * 3)
    async with (
        sending(receiver, "93.184.216.34", "93.184.216.34", "1.1.1.1") as (outside, dialer),
        outside.keep_alive() as post,
    ):
        for name in "abc":
            await post(URL, {"webhook-id": name}, b"{}")
        await receiver.ended[0].wait()
    assert receiver.taken == ["1 a", "1 b", "2 c"]
    assert dialer.dialled == ["93.184.216.34", "1.1.1.1"]


async def test_a_host_that_moves_inside_gets_nothing_more(sending: Sending) -> None:
    """Nothing is sent by the connection to its public address either, which is closed."""
    receiver = Receiver([TAKEN] * 3)
    async with (
        sending(receiver, "93.184.216.34", "10.0.0.1") as (outside, dialer),
        outside.keep_alive() as post,
    ):
        await post(URL, {"webhook-id": "a"}, b"{}")
        with pytest.raises(FetchFailed) as failed:
            await post(URL, {"webhook-id": "b"}, b"{}")
        assert (failed.value.final, failed.value.unsent) == (True, True)
        await receiver.ended[0].wait()
    assert receiver.taken == ["1 a"]
    assert dialer.dialled == ["93.184.216.34"]


async def test_a_connection_that_was_closed_meanwhile_loses_nothing(sending: Sending) -> None:
    """What is seen to be closed before a byte is sent is not used."""
    receiver = Receiver([TAKEN], hangs_up=True)
    async with sending(receiver) as (outside, _), outside.keep_alive() as post:
        for number, name in enumerate("abc"):
            await post(URL, {"webhook-id": name}, b"{}")
            await receiver.ended[number].wait()
    assert receiver.taken == ["1 a", "2 b", "3 c"]


async def test_what_was_sent_on_a_connection_that_ends_may_have_arrived(sending: Sending) -> None:
    """It is not sent again by itself, and the receiver has new connections from then on."""
    receiver = Receiver([TAKEN, b""], hangs_up=True)
    async with sending(receiver) as (outside, _):
        async with outside.keep_alive() as post:
            await post(URL, {"webhook-id": "a"}, b"{}")
            with pytest.raises(FetchFailed) as failed:
                await post(URL, {"webhook-id": "b"}, b"{}")
            assert (failed.value.final, failed.value.unsent) == (False, False)
        async with outside.keep_alive() as post:
            for name in "cd":
                await post(URL, {"webhook-id": name}, b"{}")
    assert receiver.taken == ["1 a", "1 b", "2 c", "3 d"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 2 * MAX_BODY,
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["says that it closes", "more than is read", "HTTP/1.0"],
)
async def test_after_such_an_answer_there_is_another_connection(sending: Sending, answer: bytes) -> None:
    """The answer is whole, or enough of it."""
    receiver = Receiver([answer] * 2)
    async with sending(receiver) as (outside, _), outside.keep_alive() as post:
        for number, name in enumerate("ab"):
            assert (await post(URL, {"webhook-id": name}, b"{}")).status == 200
            await receiver.ended[number].wait()
    assert receiver.taken == ["1 a", "2 b"]
