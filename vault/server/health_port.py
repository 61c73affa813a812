"""A port of one process for /healthz, /readyz and /metrics, beside what it serves."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from vault.server.http_limits import server_config
from vault.server.waiting_server import WaitingServer
from vault.services.service import Vault
from vault.web.app import build_health
from vault.web.http.readiness import Readiness


class _Quiet(WaitingServer):
    """A server that does not handle signals; the process does."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture no signals."""
        yield


@asynccontextmanager
async def health_port(vault: Vault, readiness: Readiness, host: str, port: int | None) -> AsyncIterator[None]:
    """Serve the port, if there is one, until the block ends; the counters are those of this process."""
    if port is None:
        yield
        return
    app = build_health()
    app.state.vault, app.state.readiness = vault, readiness
    server = _Quiet(server_config(app, host=host, port=port, stop_seconds=1))
    serving = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await serving
