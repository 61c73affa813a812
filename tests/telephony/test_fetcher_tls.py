"""The fetcher over TLS: what proves a host, and what does not."""

from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.servers.certificates import certificate
from tests.servers.media import MediaServer, answer
from tests.support.dialing import ScriptedResolver
from vault.domain.calls.provider_api import MediaRequest
from vault.errors import FetchFailed
from vault.telephony.http.client import GuardedHttp, trust
from vault.telephony.http.download import MediaFetcher

pytestmark = pytest.mark.faults

BODY = bytes(range(256)) * 4096


async def get(fetcher: MediaFetcher, url: str, headers: Mapping[str, str] | None = None) -> bytes:
    request = MediaRequest(url=url, headers=headers or {}, hosts=("*",))
    async with fetcher.fetch(request) as fetched, aclosing(fetched.blocks()) as blocks:
        return b"".join([block async for block in blocks])


async def test_tls_proves_the_name_and_not_the_address(tmp_path: Path) -> None:
    """The name of the URL is sent and checked, although the address was dialled."""
    serving, trusting = certificate(tmp_path, "media.example")
    heard: list[str] = []
    serving.sni_callback = lambda _socket, name, _context: heard.append(name)
    async with MediaServer(ssl_context=serving) as server:
        server.on("/a", answer(BODY))
        fetcher = MediaFetcher(
            GuardedHttp(
                allow=[f"media.example:{server.port}", f"other.example:{server.port}"],
                resolver=ScriptedResolver(media__example=[["127.0.0.1"]], other__example=[["127.0.0.1"]]),
                ssl_context=trusting,
            )
        )
        assert await get(fetcher, f"https://media.example:{server.port}/a") == BODY
        assert heard == ["media.example"]
        assert server.exchanges[0].header("host") == f"media.example:{server.port}"
        with pytest.raises(FetchFailed) as failed:
            await get(fetcher, f"https://other.example:{server.port}/a")
        assert not failed.value.final
        assert "certificate is for another name" in str(failed.value)
        assert len(server.exchanges) == 1


async def test_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    """The default context believes nobody who signed himself."""
    serving, _ = certificate(tmp_path, "localhost")
    async with MediaServer(ssl_context=serving) as server:
        server.on("/a", answer(BODY))
        fetcher = MediaFetcher(GuardedHttp(allow=[f"localhost:{server.port}"], ssl_context=trust()))
        with pytest.raises(
            FetchFailed, match="signed by itself, and not by an authority that the vault trusts"
        ):
            await get(fetcher, f"https://localhost:{server.port}/a")
        assert server.exchanges == []


async def test_a_certificate_that_has_ended_is_named(tmp_path: Path) -> None:
    """So is a host that refuses the connection."""
    serving, trusting = certificate(tmp_path, "localhost", days=-1)
    async with MediaServer(ssl_context=serving) as server:
        fetcher = MediaFetcher(GuardedHttp(allow=[f"localhost:{server.port}"], ssl_context=trusting))
        with pytest.raises(FetchFailed, match="certificate has expired"):
            await get(fetcher, f"https://localhost:{server.port}/a")
        port = server.port
    with pytest.raises(FetchFailed, match="refused the connection"):
        await get(fetcher, f"https://localhost:{port}/a")
