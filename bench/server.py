"""The server process: one uvicorn server with several apps, one on each port.

The apps are the vault's own, built as ``vault/asgi.py`` builds them, on one assembled vault; they differ
in the one part that a ratio is about. Being in one process they share its heap, its threads and its
moment, so that what remains between two of them is that part. The process is set up as
``callvault serve --no-worker`` sets it up: httptools, uvloop, no access log, ``mallopt``, ``gc.freeze``;
the scene ``queued`` alone begins the worker later.
"""

import asyncio
import gc
import json
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bench import variants
from bench.stage import (
    ACCOUNT,
    connect,
    decide_on_consent,
    ingest_key,
    open_session,
    put_recording,
    settings_of,
)
from vault import logs
from vault.__main__ import _keep_large_blocks
from vault.database.schema import call_facts
from vault.domain.call import CallFacts
from vault.settings import Settings
from vault.web.app import build
from vault.web.hosting import Hosting
from vault.wiring import assemble, utc_now
from vault.worker.loop import work
from vault.workflows.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a part serves: an app for each variant, and what the client must know."""

    apps: Mapping[str, ASGIApp]
    facts: Mapping[str, Any]
    #: Answers the bench's later questions.
    tell: Callable[[Mapping[str, Any]], Awaitable[Any]] = field(default=lambda _: asyncio.sleep(0))


@asynccontextmanager
async def webhook(settings: Settings, vault: Vault, config: Mapping[str, Any]) -> AsyncIterator[Scene]:
    """Serve the webhook's route: committed in groups, one by one, and not at all."""
    url = await connect(vault, config["provider"], config["credentials"])
    database: Any = vault.database
    alone = variants.OneCommitEach(database)

    def announcing_to(behind: variants.Behind) -> FastAPI:
        announce = replace(vault.receive.announce, database=behind)
        return _app(settings, replace(vault, receive=replace(vault.receive, announce=announce)))

    apps = {
        "committed": _app(settings, vault),
        "not committed": announcing_to(variants.NotCommitted(database)),
        "one commit each": announcing_to(alone),
    }
    try:
        yield Scene(apps=apps, facts={"url": url}, tell=lambda _: _rows(vault))
    finally:
        alone.close()


@asynccontextmanager
async def queued(settings: Settings, vault: Vault, config: Mapping[str, Any]) -> AsyncIterator[Scene]:
    """Serve the webhook's route as it is; the worker begins in the same process when it is told to."""
    url = await connect(vault, config["provider"], config["credentials"])
    working: list[asyncio.Task[None]] = []

    async def tell(question: Mapping[str, Any]) -> int:
        if question.get("do") == "work":
            working.append(asyncio.create_task(work(vault, workers=settings.workers)))
            return settings.workers
        return await _rows(vault)

    try:
        yield Scene(apps={"served": _app(settings, vault)}, facts={"url": url}, tell=tell)
    finally:
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)


@asynccontextmanager
async def upload(settings: Settings, vault: Vault, config: Mapping[str, Any]) -> AsyncIterator[Scene]:
    """Serve the upload's route: sealed, hashed, discarded; and, to disk, sealed and plain."""
    bearer = await ingest_key(vault)
    known = await put_recording(vault, "known", config["known"])
    attempt = vault.upload.attempt
    to_nowhere = replace(vault.upload, attempt=replace(attempt, objects=variants.NullStore()))
    verbs: dict[str, Any] = {
        "sealed to nowhere": to_nowhere,
        "discarded": variants.DiscardBody(recording=known),
        "hashed": variants.HashBody(recording=known, threads=attempt.threads),
        "sealed to disk": vault.upload,
        "plain to disk": variants.KeepBody(recording=known, objects=attempt.objects),
    }
    apps = {name: _app(settings, replace(vault, upload=verb)) for name, verb in verbs.items()}
    yield Scene(apps=apps, facts={"bearer": bearer})


@asynccontextmanager
async def listen(settings: Settings, vault: Vault, config: Mapping[str, Any]) -> AsyncIterator[Scene]:
    """Serve sessions on recordings of several sizes: logged, not logged, and a file of the same bytes."""
    plain = Path(config["plain"])
    sessions = {}
    for name, size in config["sizes"].items():
        recording = await put_recording(vault, name, size, plain if name == config["copied"] else None)
        sessions[name] = asdict(await open_session(vault, recording))
    not_granted: Any = replace(vault.stream, database=variants.NotGranted(vault.database))
    not_logged: Any = replace(vault.stream, database=variants.NotLogged(vault.database))

    async def file(_request: Request) -> Response:
        return FileResponse(plain, media_type="audio/wav")

    apps: dict[str, ASGIApp] = {
        "logged": _app(settings, vault),
        "not granted": _app(settings, replace(vault, stream=not_granted)),
        "not logged": _app(settings, replace(vault, stream=not_logged)),
        "file": Starlette(routes=[Route("/", file)]),
    }
    yield Scene(apps=apps, facts={"sessions": sessions})


@asynccontextmanager
async def calls(settings: Settings, vault: Vault, config: Mapping[str, Any]) -> AsyncIterator[Scene]:
    """Serve call start: decided, and with an answer that is always the same."""
    bearer, notice = await ingest_key(vault), await decide_on_consent(vault, config["objections"])
    account = await vault.find_account(ACCOUNT)
    facts = CallFacts(call_ref="constant", direction="inbound", caller="+14155550187", callee="+14155550123")
    at_once: Any = variants.AnswerAtOnce(answer=await vault.admit(account.id, facts))
    apps = {
        "decided": _app(settings, vault),
        "constant answer": _app(settings, replace(vault, admit=at_once)),
    }

    async def kept(_question: Mapping[str, Any]) -> int:
        # All but the one that gave the constant answer.
        return await vault.database.read(_count_calls) - 1

    yield Scene(apps=apps, facts={"bearer": bearer, "notice": notice}, tell=kept)


_SCENES: Mapping[str, Callable[..., AbstractAsyncContextManager[Scene]]] = {
    "webhook": webhook,
    "queued": queued,
    "upload": upload,
    "listen": listen,
    "calls": calls,
}


async def _rows(vault: Vault) -> int:
    """Return how many recordings were announced and are not done with."""
    counts = await vault.database.read(lambda tx: tx.queue.counts())
    return sum(count for count, _ in counts.values())


def _count_calls(tx: Any) -> int:
    count: int = tx.connection.execute(select(func.count()).select_from(call_facts)).scalar_one()
    return count


def _app(settings: Settings, vault: Vault) -> FastAPI:
    hosting = Hosting(public_url=settings.public_url, trusted_proxies=settings.trusted_proxies)
    app = build(hosting, utc_now)
    app.state.vault = vault
    return app


class _ByPort:
    """Passes each request to the app of the port that it came in by."""

    def __init__(self, apps: Mapping[int, ASGIApp]) -> None:
        self._apps = apps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._apps[scope["server"][1]](scope, receive, send)


async def _serve(config: Mapping[str, Any]) -> None:
    settings = settings_of(config["data_dir"], config["database_url"], config.get("media_allow", ""))
    scene_of = _SCENES[config["scene"]]
    async with assemble(settings) as vault, scene_of(settings, vault, config) as scene:
        sockets = [_listen() for _ in scene.apps]
        ports = dict(zip(scene.apps, (one.getsockname()[1] for one in sockets), strict=True))
        served = _ByPort({ports[name]: app for name, app in scene.apps.items()})
        gc.collect()
        gc.freeze()
        server = uvicorn.Server(_config(served))
        serving = asyncio.create_task(server.serve(sockets=sockets))
        while not server.started:  # noqa: ASYNC110 - uvicorn sets a flag and no event
            await asyncio.sleep(0.01)
        _say({"ports": ports, **scene.facts})
        questions = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
        while question := await questions.readline():
            _say(await scene.tell(json.loads(question)))
        server.should_exit = True
        await serving


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app, http="httptools", loop="uvloop", lifespan="off", access_log=False, log_config=None,
        proxy_headers=False, server_header=False, timeout_keep_alive=5, timeout_graceful_shutdown=10,
    )  # fmt: skip


def _listen() -> socket.socket:
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    listening.setblocking(False)
    return listening


def _say(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve what the first argument describes, until standard input ends."""
    logs.set_up("ERROR")
    _keep_large_blocks()
    config = json.loads(sys.argv[1])
    with asyncio.Runner(loop_factory=_config(None).get_loop_factory()) as runner:
        runner.run(_serve(config))


if __name__ == "__main__":
    main()
