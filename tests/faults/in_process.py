"""The service in this process, so that a test can put its own part in the place of one of the vault's."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from tests.servers.ports import free_ports
from tests.support.raw_client import Client
from tests.support.unlimited import UNLIMITED
from vault.composition.assemble import migrate
from vault.server.asgi import app_of
from vault.services.service import Vault
from vault.settings import Settings, read_settings
from vault.worker.tasks import work


class _Service:
    """An app on a port, and its worker, in a thread with a loop of its own."""

    def __init__(self, settings: Settings, port: int, alter: Callable[[Vault], Vault]) -> None:
        self.settings, self.port, self.alter = settings, port, alter
        self.ready = threading.Event()
        self.stopping = threading.Event()
        self.key = ""
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - it is raised in the test
            self.error = error
            self.ready.set()

    async def _serve(self) -> None:
        app = app_of(self.settings, worker=False)
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=self.port,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        serving = asyncio.create_task(server.serve())
        while not server.started:
            if serving.done():
                raise RuntimeError("The app did not start.")
            await asyncio.sleep(0.02)
        app.state.vault = self.alter(app.state.vault)
        _, text = await app.state.vault.accounts.api_keys.issue(
            name="faults", scopes=["*"], account_id=None, actor="operator"
        )
        self.key = text.text
        working = asyncio.create_task(work(app.state.vault, workers=self.settings.workers))
        self.ready.set()
        await asyncio.to_thread(self.stopping.wait)
        # The worker first: when the app stops it closes the database.
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        server.should_exit = True
        await serving


@contextmanager
def altered_vault(folder: Path, alter: Callable[[Vault], Vault], **settings: str) -> Iterator[Client]:
    """Serve a vault of which ``alter`` has replaced a part, with an account open and connected."""
    (port,) = free_ports(1)
    read = read_settings(
        {"VAULT_DATA_DIR": str(folder / "data"), "VAULT_PUBLIC_URL": f"http://127.0.0.1:{port}"}
        | UNLIMITED
        | settings
    )
    migrate(read)
    service = _Service(read, port, alter)
    try:
        assert service.ready.wait(60)
        if service.error is not None:
            raise service.error
        client = Client(base=read.public_url, key=service.key)
        client.open_account()
        yield client
    finally:
        service.stopping.set()
        service.thread.join(60)
