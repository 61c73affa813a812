"""Fetches from a media host on loopback, for the tests of the fetcher and of its limits."""

import ssl
from collections.abc import Mapping
from contextlib import aclosing

import pytest

from tests.servers.media import MediaServer, Script, head
from vault.domain.calls.provider_api import MediaRequest
from vault.errors import FetchFailed
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.download import MediaFetcher
from vault.telephony.http.limits import Limits

BODY = bytes(range(256)) * 4096
CHUNKED = head(200, {"Transfer-Encoding": "chunked"})
#: Trusting authorities takes a tenth of a second, which plain http need not pay in every test.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def fetcher_for(server: MediaServer, **limits: float) -> MediaFetcher:
    """Return a fetcher that may reach the host."""
    return MediaFetcher(GuardedHttp(allow=[server.authority], limits=Limits(**limits), ssl_context=NO_TLS))


async def get(fetcher: MediaFetcher, url: str, headers: Mapping[str, str] | None = None) -> bytes:
    """Return the whole body."""
    request = MediaRequest(url=url, headers=headers or {}, hosts=("*",))
    async with fetcher.fetch(request) as fetched, aclosing(fetched.blocks()) as blocks:
        return b"".join([block async for block in blocks])


async def fails(server: MediaServer, script: Script, *, final: bool, **limits: float) -> str:
    """Return the reason with which fetching fails; it says nothing of the URL, and the client is gone."""
    url = server.on("/secret-path", script)
    with pytest.raises(FetchFailed) as failed:
        await get(fetcher_for(server, **limits), url + "?signature=s3cret")
    assert failed.value.final is final, str(failed.value)
    assert "secret" not in str(failed.value)
    assert "s3cret" not in str(failed.value)
    assert failed.value.__cause__ is None
    await server.exchanges[-1].gone.wait()
    return str(failed.value)
