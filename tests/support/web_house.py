"""The whole app in this process, in a thread with its own loop, so that tests can reach its verbs as well."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from tests.servers.ports import free_ports
from tests.support.tenant import tone
from tests.support.unlimited import UNLIMITED
from vault.server.asgi import app_of
from vault.server.http_limits import LimitedHttpProtocol
from vault.services.service import Vault
from vault.settings import read_settings
from vault.web.middleware.link_rate_limit import LinkRateLimit

AUDIO = tone(0.5)


@dataclass
class House:
    """The app while it runs, and a client with an admin's key."""

    app: FastAPI
    url: str
    loop: asyncio.AbstractEventLoop
    stack: ExitStack
    admin: httpx.Client = field(init=False)
    key: str = field(init=False)

    @property
    def vault(self) -> Vault:
        """Return the verbs behind the doors."""
        vault: Vault = self.app.state.vault
        return vault

    def call(self, verb: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any) -> Any:
        """Run a verb in the app's own loop."""

        async def run() -> Any:
            return await verb(*arguments, **named)

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(30)

    def forget_failures(self) -> None:
        """Count nothing against any address any more: neither dead links nor failed sign-ins."""
        (links,) = [one for one in self.app.user_middleware if one.cls is LinkRateLimit]
        for table in (links.kwargs["table"], self.app.state.failed_sign_ins):
            table._windows.clear()

    def key_for(self, account: str | None, *scopes: str) -> dict[str, str]:
        """Make an API key and return its header."""
        said = {"name": "test", "scopes": list(scopes)} | ({"account": account} if account else {})
        made = self.admin.post("/v1/keys", json=said)
        assert made.status_code == 201, made.text
        return {"Authorization": f"Bearer {made.json()['key']}"}

    def client(self, headers: dict[str, str] | None = None) -> httpx.Client:
        """Return a client that is closed with the app: a stranger, or one with a key."""
        return self.stack.enter_context(httpx.Client(base_url=self.url, headers=headers, timeout=30))


@contextmanager
def running(app: FastAPI, port: int) -> Iterator[asyncio.AbstractEventLoop]:
    """Serve an app from a thread to the end of the block."""
    config = uvicorn.Config(
        app,
        port=port,
        http=LimitedHttpProtocol,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
    )
    server, started, loops = uvicorn.Server(config), threading.Event(), []
    original = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        async with original(app) as state:
            loops.append(asyncio.get_running_loop())
            started.set()
            yield state

    app.router.lifespan_context = lifespan
    thread = threading.Thread(target=server.run, name="app")
    thread.start()
    assert started.wait(100), "The app did not come up."
    while not server.started:
        threading.Event().wait(0.01)
    try:
        yield loops[0]
    finally:
        server.should_exit = True
        thread.join(30)


@contextmanager
def open_house(folder: Path, **more: str) -> Iterator[House]:
    """Run the app, with ``more`` settings, to the end of the block."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    settings = {"VAULT_DATA_DIR": str(folder / "data"), "VAULT_WORKERS": "2", "VAULT_PUBLIC_URL": url}
    # So that the log is anchored as soon as it grew, and no test waits for it.
    settings |= {"VAULT_ANCHOR_SECONDS": "0"} | UNLIMITED | more
    app = app_of(read_settings(settings), worker=True)
    with running(app, port) as loop, ExitStack() as stack:
        house = House(app, url, loop, stack)
        _, token = house.call(
            house.vault.accounts.api_keys.issue, name="admin", scopes=["*"], account_id=None, actor="test"
        )
        house.key = token.text
        house.admin = house.client({"Authorization": f"Bearer {token.text}"})
        yield house
