"""What KMS says, in the vault's words: a server that answers with one error after the other."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.servers.key_faults import hangs, key_proxy
from tests.support.raw_client import PATIENCE
from vault.errors import Tampered, Unavailable, VaultError
from vault.keyservice import aws_kms
from vault.keyservice.aws_kms import AwsKmsKey, connect
from vault.thread_pools import Threads


class Kms(BaseHTTPRequestHandler):
    """Answers every request with ``code``, as KMS does: status 400 (500 for its own faults) and JSON."""

    code = ""

    def do_POST(self) -> None:
        """Answer one request."""
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(
            {"__type": self.code, "message": "arn:aws:kms:eu-west-1:111122223333:key/1"}
        ).encode()
        self.send_response_only(500 if self.code.startswith("KMSInternal") else 400)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""


@pytest.fixture
def kms_url() -> Iterator[str]:
    """The URL of a server that answers with ``Kms.code``."""
    with HTTPServer(("127.0.0.1", 0), Kms) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


async def ask(url: str) -> list[VaultError]:
    """Wrap and unwrap once, and return both errors."""
    threads = Threads("test", 1)
    client = connect(endpoint_url=url, region="eu-west-1", connections=1)
    root = AwsKmsKey(client, "alias/vault", threads)
    errors = []
    for call in (root.wrap(b"s", {"a": "b"}), root.unwrap(b"w", {"a": "b"})):
        with pytest.raises(VaultError) as raised:
            await call
        errors.append(raised.value)
    await root.close()
    threads.close()
    return errors


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDeniedException", "does not let the vault"),
        ("DisabledException", "disabled"),
        ("NotFoundException", "does not know"),
        ("KMSInvalidStateException", "pending deletion"),
        ("KeyUnavailableException", "cannot reach"),
        ("ThrottlingException", "throttles the vault"),
        ("KMSInternalException", "KMSInternalException"),
        ("SomethingNewException", "SomethingNewException"),
    ],
)
async def test_what_kms_refuses_is_unavailable(
    kms_url: str, aws_credentials: None, code: str, words: str
) -> None:
    """Every refusal that is not about the bytes is Unavailable, in plain words and without the key's ARN."""
    Kms.code = code
    for error in await ask(kms_url):
        assert isinstance(error, Unavailable)
        assert words in str(error)
        assert "arn:" not in str(error)


@pytest.mark.parametrize("code", ["InvalidCiphertextException", "IncorrectKeyException"])
async def test_bytes_that_kms_does_not_open_are_tampered(
    kms_url: str, aws_credentials: None, code: str
) -> None:
    """Other bytes, another context or another key's bytes are Tampered."""
    Kms.code = code
    assert [type(error) for error in await ask(kms_url)] == [Tampered, Tampered]


async def test_a_kms_that_is_not_there_is_unavailable(aws_credentials: None) -> None:
    """Nobody listening is Unavailable."""
    for error in await ask("http://127.0.0.1:9"):
        assert isinstance(error, Unavailable)
        assert "127.0.0.1" not in str(error)


async def test_a_kms_that_hangs_is_unavailable_in_time(
    aws_credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that is taken and never answered is asked once more, and then given up."""
    monkeypatch.setattr(aws_kms, "TIMEOUT", 0.5)
    with key_proxy("http://127.0.0.1:9") as proxy:
        proxy.fault = hangs
        for error in await ask(f"http://{proxy.host}"):
            assert isinstance(error, Unavailable)
            assert str(error) == "The key service does not answer."
        deadline = time.monotonic() + PATIENCE
        while len(proxy.bodies) < 4 and time.monotonic() < deadline:
            await asyncio.sleep(0.02)  # The proxy may read a request after the client has given up.
        assert len(proxy.bodies) == 4
