"""What a URL may not make the vault connect to: no byte, no handshake, no connection at all."""

import httpcore
import pytest

from tests.servers.media import MediaServer
from tests.support.dialing import Diversion, ScriptedResolver
from vault.domain.calls.provider_api import MediaRequest
from vault.errors import FetchFailed
from vault.telephony.http.address_policy import check_address
from vault.telephony.http.checked_network import CheckedNetwork, resolve
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.download import MediaFetcher
from vault.telephony.http.limits import Limits

pytestmark = pytest.mark.faults

#: One address of every block that is not the public internet.
HOSTILE_ADDRESSES = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.254
168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192
192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1
198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1
64:ff9b::a9fe:a9fe 64:ff9b::7f00:1 64:ff9b:1::a9fe:a9fe 100::1 2001::1 2001:2::1 2001:10::1 2001:20::1
2001:db8::1 2002:7f00:1::
2002:a9fe:a9fe:: 2620:4f:8000::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fd20:ce::254 fe80::1
fec0::1 ff02::1 ff0e::1 4000::1 1fff::1
""".split()  # noqa: SIM905 - a table is read as one

#: Hosts that some reader of URLs takes for a hostile address, or that no reader should take at all.
HOSTILE_HOSTS = [
    "localhost",
    "LOCALHOST",
    "localhost.",
    "metadata.google.internal",
    "127.0.0.1.nip.io",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "0177.0.0.0x1",
    "127.1",
    "127.0.1",
    "127.0.0.01",
    "127.0.0.1.",
    "127.0.0.0x1",
    "0",
    "0x",
    "0x0",
    "00000000177.1",
    "256.256.256.256",
    "1.2.3.4.5",
    "①②⑦.0.0.1",
    "\uff11\uff12\uff17.0.0.1",
    "127。0。0。1",
    "loc\u00adalhost",
    "ⓛocalhost",
    "localho\u017ft",
    "%31%32%37.0.0.1",
    "127.0.0.1%00.example.com",
    "user@127.0.0.1",
    "example.com@127.0.0.1",
    "127.0.0.1#@example.com",
    "127.0.0.1\\@example.com",
    "example.com\\.127.0.0.1",
    "127.0.0.1\t",
    "127.0.\n0.1",
    " 127.0.0.1",
    "[::1%25lo]",
    "[fe80::1%25eth0]",
    "[::1%lo]",
    "[v1.::1]",
    "[127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[0000::1]",
    "::1",
    "_srv.example.com",
    "-a.example.com",
    "a..example.com",
    ".example.com",
    "",
]


@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
def test_no_special_address_is_public(address: str) -> None:
    """Every special block is refused for good, without its address in the error."""
    with pytest.raises(FetchFailed) as failed:
        check_address(address)
    assert failed.value.final
    assert address not in str(failed.value)


@pytest.mark.parametrize(
    "address", ["", "localhost", "1.2.3", "8.8.8.8/32", "2606:4700::1%eth0", "\u0661.1.1.1"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    """Only a literal without a zone can be checked."""
    with pytest.raises(FetchFailed):
        check_address(address)


@pytest.mark.parametrize(
    "address",
    """1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
    168.63.129.15 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255
    192.169.0.0 198.17.255.255
    198.20.0.0 223.255.255.255 ::ffff:8.8.8.8 2001:200::1 2001:4860:4860::8888 2606:4700:4700::1111 2a00::1
    2003::1 3ffe::1 2620:4f:8001::1""".split(),  # noqa: SIM905 - a table is read as one
)
def test_the_neighbours_of_special_blocks_are_public(address: str) -> None:
    """The lists take no more than they name."""
    check_address(address)


def urls(port: int) -> list[str]:
    literals = [f"[{a}]" if ":" in a else a for a in HOSTILE_ADDRESSES]
    hosts = literals + HOSTILE_HOSTS
    return [f"https://{host}:{port}/latest/meta-data" for host in hosts] + [
        f"https:/\\127.0.0.1:{port}/",
        f"https:127.0.0.1:{port}/",
        f"https:///127.0.0.1:{port}/",
        f"ht\ttps://127.0.0.1:{port}/",
        f"http://127.0.0.1:{port}/",
        f"gopher://127.0.0.1:{port}/",
        f"file://127.0.0.1:{port}/etc/passwd",
        f"unix://127.0.0.1:{port}/",
        f"wss://127.0.0.1:{port}/",
        f"//127.0.0.1:{port}/",
        "https://127.0.0.1/",
        "https://127.0.0.1:0/",
        "https://127.0.0.1:65536/",
        "https://127.0.0.1:/",
        "https://127.0.0.1:+443/",
        "https://127.0.0.1:\uff14\uff14\uff13/",
    ]


async def test_no_hostile_url_makes_a_connection() -> None:
    """Of more than a hundred URLs none makes the vault dial anything, although every host is listed."""
    async with MediaServer() as canary:
        dialer = Diversion(canary.port)
        resolver = ScriptedResolver(
            localhost=[["127.0.0.1", "::1"]],
            metadata__google__internal=[["169.254.169.254"]],
        )
        resolver.answers["127.0.0.1.nip.io"] = [["127.0.0.1"]]
        fetcher = MediaFetcher(
            GuardedHttp(limits=Limits(https_port=canary.port), resolver=resolver, dialer=dialer)
        )
        table = urls(canary.port)
        assert len(table) > 100
        for url in table:
            with pytest.raises(FetchFailed) as failed:
                async with fetcher.fetch(MediaRequest(url=url, headers={"x": "secret"}, hosts=("*",))):
                    pytest.fail(f"{url} was opened.")
            assert failed.value.final, url
            assert "127" not in str(failed.value)
        assert dialer.dialled == []
        assert canary.connections == 0
        print(f"{len(table)} hostile URLs, {canary.connections} connections")


async def test_the_canary_hears_what_is_dialled() -> None:
    """The test above could fail: a public address, diverted, arrives at the same listener."""
    async with MediaServer() as canary:
        dialer = Diversion(canary.port)
        fetcher = MediaFetcher(GuardedHttp(limits=Limits(https_port=canary.port, connect=0.2), dialer=dialer))
        request = MediaRequest(url=f"https://8.8.8.8:{canary.port}/", headers={}, hosts=("*",))
        with pytest.raises(FetchFailed) as failed:  # The canary speaks no TLS.
            async with fetcher.fetch(request):
                pytest.fail("It was opened.")
        assert not failed.value.final
        assert dialer.dialled == ["8.8.8.8"]
        assert canary.connections == 1


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["93.184.216.34", "127.0.0.1"],
        ["93.184.216.34"] * 9 + ["10.0.0.1"],
        ["::ffff:169.254.169.254"],
        ["93.184.216.34", "fe80::1%2"],
        ["2606:4700::1", "fd00:ec2::254"],
        ["93.184.216.34", "nonsense"],
    ],
)
async def test_one_bad_answer_among_good_ones_refuses_all(answers: list[str]) -> None:
    """A name with a private address is refused before any of its addresses is dialled."""
    async with MediaServer() as canary:
        dialer = Diversion(canary.port)
        fetcher = MediaFetcher(
            GuardedHttp(resolver=ScriptedResolver(media__example=[answers]), dialer=dialer)
        )
        request = MediaRequest(url="https://media.example/a", headers={}, hosts=("media.example",))
        with pytest.raises(FetchFailed) as failed:
            async with fetcher.fetch(request):
                pytest.fail("It was opened.")
        assert failed.value.final
        assert (dialer.dialled, canary.connections) == ([], 0)


async def test_a_rebinding_name_is_resolved_once_and_dialled_as_checked() -> None:
    """The second answer would be loopback; nobody asks for it."""
    async with MediaServer() as canary:
        dialer = Diversion(canary.port)
        resolver = ScriptedResolver(media__example=[["93.184.216.34"], ["127.0.0.1"]])
        fetcher = MediaFetcher(GuardedHttp(limits=Limits(connect=0.2), resolver=resolver, dialer=dialer))
        request = MediaRequest(url="https://media.example/a", headers={}, hosts=("*",))
        with pytest.raises(FetchFailed):
            async with fetcher.fetch(request):
                pytest.fail("It was opened.")
        assert resolver.asked == ["media.example"]
        assert dialer.dialled == ["93.184.216.34"]


async def test_the_next_address_is_dialled_when_one_refuses() -> None:
    """A host with one dead address is still reached, and each of them was checked."""
    async with MediaServer() as server:
        dialer = Diversion(server.port, refusing=["93.184.216.34"])
        network = CheckedNetwork(
            trusted=frozenset(),
            resolver=ScriptedResolver(media__example=[["93.184.216.34", "93.184.216.34", "1.1.1.1"]]),
            dialer=dialer,
            dns_seconds=5,
        )
        stream = await network.connect_tcp("media.example", 443, 5)
        await stream.aclose()
        assert dialer.dialled == ["93.184.216.34", "1.1.1.1"]
        dead = Diversion(server.port, refusing=["93.184.216.34", "1.1.1.1"])
        network.dialer = dead
        with pytest.raises(httpcore.ConnectError):
            await network.connect_tcp("media.example", 443, 5)
        assert dead.dialled == ["93.184.216.34", "1.1.1.1"]


async def test_a_unix_socket_is_refused() -> None:
    """No media lies on this machine."""
    network = GuardedHttp().network
    with pytest.raises(FetchFailed) as failed:
        await network.connect_unix_socket("/run/docker.sock")
    assert failed.value.final


async def test_the_systems_resolver_answers_with_literals() -> None:
    """What is checked is what getaddrinfo says, and odd numeric hosts would be loopback there."""
    assert await resolve("127.0.0.1", 443) == ["127.0.0.1"]
    assert await resolve("2130706433", 443) == ["127.0.0.1"]
