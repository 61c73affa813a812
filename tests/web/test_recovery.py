"""Recovery mode at the doors: each of them answers 503, and they open by themselves once it is over."""

import asyncio
import re
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from vault.errors import Tampered, Unavailable
from vault.web import recovery as recovery_mode
from vault.web.app import build
from vault.web.hosting import Hosting
from vault.web.recovery import Recovery
from vault.wiring import utc_now

pytestmark = pytest.mark.faults


@dataclass
class Answers:
    """Answers whether the database is old, one after the other."""

    said: list[bool | Exception]

    async def __call__(self) -> bool:
        """Return or raise the next answer."""
        answer = self.said.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def app_in_recovery() -> FastAPI:
    """Return the app while its database is old. It has no vault: nothing behind a door may be reached."""
    app = build(Hosting(public_url="http://127.0.0.1", trusted_proxies=()), utc_now)
    app.state.recovery = Recovery(Answers([]), on=True)
    return app


def doors() -> list[tuple[str, str]]:
    """Return method and path of every door."""
    paths = app_in_recovery().openapi()["paths"]
    return sorted((method.upper(), path) for path, methods in paths.items() for method in methods)


async def test_every_door_is_closed_but_two():
    """With a problem that names the command, Retry-After, the usual headers, and a connection that ends."""
    closed = 0
    transport = httpx.ASGITransport(app=app_in_recovery(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for method, path in doors():
            if path in {"/healthz", "/metrics"}:
                continue
            assert method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
            answer = await client.request(method, re.sub(r"\{[^}]+\}", "x1", path))
            assert answer.status_code == 503, (method, path)
            assert answer.headers["retry-after"] == "60"
            assert answer.headers["connection"] == "close"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert method == "HEAD" or "callvault restore" in answer.json()["detail"]
            closed += 1
        assert closed > 50
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/no/such/door")).status_code == 503


@pytest.mark.parametrize("said", [[True, True, False], [True, Unavailable("down"), Tampered("odd"), False]])
async def test_the_doors_open_once_it_is_over(monkeypatch: pytest.MonkeyPatch, said: list[bool | Exception]):
    """Somebody restored; and while nobody can tell, they stay closed."""
    monkeypatch.setattr(recovery_mode, "PAUSE", 0.0)
    recovery = Recovery(Answers(said))
    await recovery.begin()
    assert recovery.on
    async with asyncio.timeout(5):
        await recovery.watch()
    assert not recovery.on
    assert said == []


async def test_a_process_that_cannot_tell_does_not_begin():
    """The object store is silent at the start: no door opens on a guess."""
    with pytest.raises(Unavailable):
        await Recovery(Answers([Unavailable("down")])).begin()
