"""How a URL is taken apart, and which hosts it may name."""

import pytest

from vault.errors import StartRefused
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.download import MediaFetcher
from vault.telephony.http.url import host_matches, parse_media_url


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
