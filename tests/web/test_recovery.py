"""Recovery mode at the doors: each of them answers 503, and they open by themselves once it is over."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from vault.composition.adapters import utc_now
from vault.domain.audit_log.anchor import Relation
from vault.errors import Tampered, Unavailable
from vault.services.closing_acts import check_recovery
from vault.services.closing_acts.check_recovery import RecoveryCheck
from vault.web.app import Hosting, build

pytestmark = pytest.mark.faults


@dataclass
class Answers:
    """Answers how the database stands, one after the other; in its place nothing is missing."""

    said: list[Relation | Exception]

    def forget_all(self) -> None:
        """Be an empty key ring."""

    async def compare(self, _: object) -> Relation:
        """Return or raise the next answer."""
        answer = self.said.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def missing(self, _: object) -> tuple[()]:
        """Say that every closing act is known."""
        return ()

    async def read(self, function: Callable[[object], object]) -> object:
        """Read from a database that has a log and no mark of a restore."""
        tree = SimpleNamespace(head=lambda: SimpleNamespace(size=1))
        return function(SimpleNamespace(tree=tree, metadata=SimpleNamespace(get=lambda _: None)))


def recovery_of(*said: Relation | Exception) -> RecoveryCheck:
    """Return the mode of a process whose looks answer so, and which never sleeps."""
    answers: Any = Answers(list(said))
    return RecoveryCheck(
        database=answers,
        published_log=answers,
        journal=answers,
        ring=answers,
        sleep=lambda _: asyncio.sleep(0),
    )


def app_in_recovery() -> FastAPI:
    """Return the app while its database is old. It has no vault: nothing behind a door may be reached."""
    app = build(Hosting(public_url="http://127.0.0.1", trusted_proxies=()), utc_now)
    app.state.recovery = recovery_of()
    app.state.recovery.state.reason = "It is old."
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


OLD, SAME = Relation.BEHIND, Relation.SAME


@pytest.mark.parametrize("said", [[OLD, SAME], [OLD, Unavailable("down"), Tampered("odd"), SAME]])
async def test_the_doors_open_once_it_is_over(
    monkeypatch: pytest.MonkeyPatch, said: list[Relation | Exception]
):
    """Somebody restored; and while nobody can tell, they stay closed."""
    monkeypatch.setattr(check_recovery, "WATCH_INTERVAL", 0.0)
    # It begins only if four looks agree.
    recovery = recovery_of(OLD, OLD, OLD, *said)
    assert await recovery.check()
    watching = asyncio.create_task(recovery.watch())
    async with asyncio.timeout(30):
        while recovery.on:
            await asyncio.sleep(0)
    watching.cancel()
    assert recovery.published_log.said == []  # type: ignore[attr-defined]


async def test_one_look_alone_begins_nothing():
    """An anchor of another node may be on its way out."""
    assert not await recovery_of(OLD, SAME).check()


async def test_a_process_that_cannot_tell_does_not_begin():
    """The object store is silent at the start: no door opens on a guess."""
    with pytest.raises(Unavailable):
        await recovery_of(Unavailable("down")).check()
