"""A server that waits for its end, and does not look for it ten times a second."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from tests.servers.ports import free_ports
from vault.server import waiting_server
from vault.server.http_limits import server_config
from vault.server.waiting_server import WaitingServer


class _Counted(WaitingServer):
    """It counts its wakings, and keeps the first Date of its answers."""

    ticks = 0

    async def on_tick(self, counter: int) -> bool:
        """Count."""
        self.ticks += 1
        return await super().on_tick(counter)


def _server() -> _Counted:
    async def app(_scope, _receive, _send) -> None:
        raise NotImplementedError

    (port,) = free_ports(1)
    return _Counted(server_config(app, host="127.0.0.1", port=port, stop_seconds=1))


async def _ticks(server: _Counted, number: int) -> None:
    async with asyncio.timeout(20):
        while server.ticks < number:
            await asyncio.sleep(0.01)


def _by_thread(stop: Callable[[], None]) -> None:
    thread = threading.Thread(target=stop)
    thread.start()
    thread.join()


@pytest.mark.parametrize("call", [lambda stop: stop(), _by_thread], ids=["this-thread", "another-thread"])
async def test_it_stops_at_once_and_looks_at_nothing_before(call, monkeypatch: pytest.MonkeyPatch):
    """The next tick would come after an hour; half a second brings none."""
    monkeypatch.setattr(waiting_server, "_TICK", 3600.0)
    server = _server()
    serving = asyncio.create_task(server.serve())
    await _ticks(server, 1)
    await asyncio.sleep(0.5)
    assert server.ticks == 1
    call(lambda: setattr(server, "should_exit", True))
    async with asyncio.timeout(20):
        await serving
    assert server.ticks == 2


async def test_each_tick_renews_the_date(monkeypatch: pytest.MonkeyPatch):
    """Of uvicorn's own ticks only each tenth does."""
    monkeypatch.setattr(waiting_server, "_TICK", 0.01)
    server = _server()
    serving = asyncio.create_task(server.serve())
    await _ticks(server, 1)
    for _ in range(3):
        server.server_state.default_headers = []
        await _ticks(server, server.ticks + 1)
        assert [name for name, _ in server.server_state.default_headers] == [b"date"]
    server.should_exit = True
    await serving


async def test_a_stop_before_it_listens_is_kept():
    """A signal can come while the vault is assembled."""
    server = _server()
    server.should_exit = True
    async with asyncio.timeout(20):
        await server.serve()
    assert server.ticks == 0
