"""Redirects of media: a few are followed, each is checked as the URL was, and credentials stay with their host.

How a URL is taken apart, and which hosts it may name.
"""

import pytest

from tests.servers.media import MediaServer, answer, head, raw
from tests.support.dialing import Diversion, ScriptedResolver
from tests.telephony.fetching import BODY, NO_TLS, fails, fetcher_for, get
from vault.domain.calls.provider_api import MediaRequest
from vault.errors import FetchFailed, StartRefused
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.download import MAX_REDIRECTS, MediaFetcher
from vault.telephony.http.url import host_matches, parse_media_url

CREDENTIALS = {"Authorization": "Basic eDp5"}


def redirect(place: str, status: int = 302) -> object:
    """Answer with a redirect."""
    return answer(status=status, headers={"Location": place})


def two_hosts(first: MediaServer, second: MediaServer) -> MediaFetcher:
    """Return a fetcher that may reach both."""
    allowed = [first.authority, second.authority]
    return MediaFetcher(GuardedHttp(allow=allowed, ssl_context=NO_TLS))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "place", ["/b?x=%2F", "b?x=%2F", "//{authority}/b?x=%2F", "http://{authority}/b?x=%2F#end"]
)
async def test_a_redirect_is_followed(server: MediaServer, status: int, place: str) -> None:
    """Absolute and relative; on the same host the credentials go along."""
    server.on("/b", answer(BODY))
    url = server.on("/a", redirect(place.format(authority=server.authority), status))
    assert await get(fetcher_for(server), url, CREDENTIALS) == BODY
    assert [one.head.split(b" ")[1] for one in server.exchanges] == [b"/a", b"/b?x=%2F"]
    assert [one.header("authorization") for one in server.exchanges] == ["Basic eDp5"] * 2


async def test_credentials_never_go_to_another_host() -> None:
    """Nor back to the first one from there: another port is another host."""
    async with MediaServer() as first, MediaServer() as second:
        back = first.on("/back", answer(BODY))
        away = second.on("/away", redirect(back))
        assert await get(two_hosts(first, second), first.on("/a", redirect(away)), CREDENTIALS) == BODY
        assert [one.header("authorization") for one in first.exchanges] == ["Basic eDp5", None]
        assert [one.header("authorization") for one in second.exchanges] == [None]


@pytest.mark.parametrize("more", [0, 1])
async def test_a_few_are_followed(server: MediaServer, more: int) -> None:
    """One more than that ends it for good."""
    server.on("/0", answer(BODY))
    steps = MAX_REDIRECTS + more
    for number in range(1, steps + 1):
        url = server.on(f"/{number}", redirect(f"/{number - 1}"))
    if not more:
        assert await get(fetcher_for(server), url) == BODY
        return
    with pytest.raises(FetchFailed, match=f"more than {MAX_REDIRECTS} times") as failed:
        await get(fetcher_for(server), url)
    assert failed.value.final
    assert len(server.exchanges) == MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("http://93.184.216.34/x", "https and port 443"),
        ("https://93.184.216.34:8443/x", "https and port 443"),
        ("https://10.0.0.1/x", "not fetched from"),
        ("https://169.254.169.254/latest", "not fetched from"),
        ("https://[::1]/x", "not fetched from"),
        ("https://[::ffff:10.0.0.1]/x", "not fetched from"),
        ("https://0x7f.1/x", "not one that can be fetched"),
        ("https://user@media.example/x", "not one that can be fetched"),
        ("https://inside.example/x", "not fetched from"),
        ("file:///etc/passwd", "not one that can be fetched"),
        ("gopher://media.example/x", "not one that can be fetched"),
        ("https://media.example/\x01", "not one that can be fetched"),
    ],
)
async def test_each_is_checked_as_the_url_was(server: MediaServer, place: str, said: str) -> None:
    """Scheme, port, form, literal and resolved address: nothing is dialled, and it is final."""
    resolver, dialer = ScriptedResolver(inside__example=[["10.0.0.2"]]), Diversion(server.port)
    http = GuardedHttp(allow=[server.authority], resolver=resolver, dialer=dialer)
    url = server.on("/a", redirect(place))
    with pytest.raises(FetchFailed, match=said) as failed:
        await get(MediaFetcher(http), url)
    assert failed.value.final
    assert dialer.dialled == ["127.0.0.1"]
    assert "example" not in str(failed.value)


async def test_a_host_outside_the_providers_list_is_not_followed(server: MediaServer) -> None:
    """A provider's media stays on the provider's hosts."""
    dialer = Diversion(server.port)
    url = server.on("/a", redirect("https://media.example/x"))
    request = MediaRequest(url=url, headers={}, hosts=("media.provider.example",))
    with pytest.raises(FetchFailed, match="provider") as failed:
        async with MediaFetcher(GuardedHttp(allow=[server.authority], dialer=dialer)).fetch(request):
            pytest.fail("It was opened.")
    assert failed.value.final
    assert dialer.dialled == ["127.0.0.1"]


def test_a_public_host_does_not_lead_to_a_trusted_one() -> None:
    """The operator trusts a private host with what a platform names, not with what any host answers."""
    http = GuardedHttp(allow=["media.internal:443", "other.internal:8080"], ssl_context=NO_TLS)
    public, trusted = (
        http.admit("https://media.example/x", ("*",)),
        http.admit("https://media.internal/x", ()),
    )
    for place in ("https://media.internal/y", "http://other.internal:8080/y"):
        with pytest.raises(FetchFailed, match="VAULT_MEDIA_ALLOW") as failed:
            http.follow(public, place, ("*",))
        assert failed.value.final
        assert http.follow(trusted, place, ()).target == "/y"


@pytest.mark.parametrize(
    "script",
    [
        raw(head(302, {"Content-Length": "0"})),
        raw(head(302, {})[:-2] + b"Location: /a\r\nLocation: /b\r\n\r\n"),
    ],
)
async def test_a_redirect_needs_one_place(server: MediaServer, script: object) -> None:
    """None, or two of them, are final."""
    assert "without one Location" in await fails(server, script, final=True)


@pytest.mark.parametrize(
    "entry", ["", "host", "*:443", "host:0", "host:65536", "u@host:1", "http://host:1", "::1:80"]
)
def test_an_entry_that_is_no_host_and_port_is_invalid(entry: str) -> None:
    """The operator's list has exact entries and nothing else."""
    with pytest.raises(StartRefused) as error:
        MediaFetcher(GuardedHttp(allow=[entry]))
    assert "VAULT_MEDIA_ALLOW" in str(error.value)


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("https://Media.Example.com", "media.example.com", "/"),
        ("HTTPS://media.example.com:443?a=b#c", "media.example.com", "/?a=b"),
        (
            "https://media.example.com:8443/a/../b;c?x=%2e&y=@:",
            "media.example.com:8443",
            "/a/../b;c?x=%2e&y=@:",
        ),
        ("http://[2606:4700:0:0::1]:80/a", "[2606:4700::1]", "/a"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", "/"),
        ("https://1.1.1.1/", "1.1.1.1", "/"),
        ("https://1a.2b/", "1a.2b", "/"),
    ],
)
def test_plain_urls_keep_their_parts(url: str, authority: str, target: str) -> None:
    """Path and query stay as they are written, so that a signature over them stays good."""
    parsed = parse_media_url(url)
    assert (parsed.authority, parsed.target) == (authority, target)
    assert "example" not in repr(parsed)


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("example.com", True),
        ("a.example.com", False),
        ("a.s3.example", True),
        ("a.b.s3.example", True),
        ("s3.example", False),
        ("as3.example", False),
        ("s3.example.evil", False),
        ("evilexample.com", False),
    ],
)
def test_patterns_name_exact_hosts_or_what_is_below_a_suffix(host: str, *, named: bool) -> None:
    """A suffix begins at a dot and does not include itself."""
    assert host_matches(host, ("example.com", "*.s3.example")) is named
    assert host_matches(host, ("*",))
    assert not host_matches(host, ())
