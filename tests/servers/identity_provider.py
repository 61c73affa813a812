"""An OpenID provider on loopback: the one in memory (tests/fakes/identity_provider.py) behind an HTTP server."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes.identity_provider import IdentityProvider
from vault.domain.calls.provider_api import RestRequest


@contextmanager
def serving(provider: IdentityProvider) -> Iterator[str]:
    """Serve the provider, whose issuer becomes the server's address; yield its ``host:port`` for VAULT_MEDIA_ALLOW."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            url = f"{provider.issuer}{self.path}"
            request = RestRequest(method=self.command, url=url, headers=headers, body=self.rfile.read(size))
            reply = asyncio.run(provider.send(request))
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = _answer  # noqa: N815 - the server's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="provider")
    thread.start()
    host = f"127.0.0.1:{server.server_address[1]}"
    provider.issuer = f"http://{host}"
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
