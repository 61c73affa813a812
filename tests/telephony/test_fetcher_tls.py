"""The fetcher over TLS: what proves a host, and what does not."""

import datetime as dt
import ssl
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.servers.media import MediaServer, answer
from tests.telephony.dialing import ScriptedResolver
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


def certificate(folder: Path, name: str, *, days: int = 1) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server named ``name`` and of a client that trusts it alone.

    The certificate ends in ``days``, or has ended where that is negative.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=9))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = folder / f"{name}.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = folder / f"{name}.key"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(public, private)
    return server, ssl.create_default_context(cafile=public)


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
