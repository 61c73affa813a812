"""Scenes of what goes out: sessions that are heard, and links that are opened."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bench import variants
from bench.scene import Scene, app_of
from bench.stage import open_session, put_recording, share
from bench.without_tree import OpenAtOnce, TreeLater
from vault.database.stores.audit_log.log_tree import Leaf
from vault.database.transaction import Transaction
from vault.domain.playback import link
from vault.services.service import Vault
from vault.settings import Settings

#: Seconds between two looks at the memory of this process.
_LOOK = 0.1
#: Log entries of a session: more than any run needs.
_RANGES = 1_000_000_000
#: Leaves per read.
_LEAVES = 10_000


@asynccontextmanager
async def listen(settings: Settings, vault: Vault, config: Mapping[str, Any]) -> AsyncIterator[Scene]:
    """Serve sessions on recordings of several sizes: logged, not logged, and a file of the same bytes."""
    # A round of seeks asks for more ranges than any listener; what counts them stays.
    link.LOG_ENTRY_BURST = _RANGES
    plain = Path(config["plain"])
    sessions = {}
    for name, size in config["sizes"].items():
        recording = await put_recording(vault, name, size, plain if name == config["copied"] else None)
        sessions[name] = asdict(await open_session(vault, recording))

    def streaming_from(database: Any) -> FastAPI:
        audio = replace(vault.playback.audio, database=database)
        return app_of(settings, replace(vault, playback=replace(vault.playback, audio=audio)))

    async def file(_request: Request) -> Response:
        return FileResponse(plain, media_type="audio/wav")

    apps: dict[str, ASGIApp] = {
        "logged": app_of(settings, vault),
        "not granted": streaming_from(variants.NotGranted(vault.database)),
        "not logged": streaming_from(variants.NotLogged(vault.database)),
        "file": Starlette(routes=[Route("/", file)]),
    }
    yield Scene(apps=apps, facts={"sessions": sessions})


@asynccontextmanager
async def opens(settings: Settings, vault: Vault, config: Mapping[str, Any]) -> AsyncIterator[Scene]:
    """Serve the opening of links: in the tree, without the tree, and with one session for all."""
    recording = await put_recording(vault, "opened", config["size"])
    database: Any = vault.database
    later = TreeLater(database.inner)
    without: Any = replace(vault.playback.open_links, database=replace(database, inner=later))
    (token,) = await share(vault, recording, 1)
    opened = await vault.playback.open_links.open(token, nonce="constant", address="127.0.0.1", agent="bench")
    at_once: Any = OpenAtOnce(opened=opened)

    def opening_by(open_links: Any) -> FastAPI:
        return app_of(settings, replace(vault, playback=replace(vault.playback, open_links=open_links)))

    apps = {
        "in the tree": app_of(settings, vault),
        "event alone": opening_by(without),
        "constant answer": opening_by(at_once),
    }

    async def tell(question: Mapping[str, Any]) -> Any:
        """Share as often as wanted, or let the tree catch up; or say how many leaves it has."""
        if question["do"] == "share":
            tokens = await share(vault, recording, question["count"])
            await later.catch_up()
            return tokens
        if question["do"] == "catch up":
            await later.catch_up()
        return (await vault.database.read(lambda tx: tx.tree.head())).size

    yield Scene(apps=apps, facts={}, tell=tell)


@asynccontextmanager
async def listeners(settings: Settings, vault: Vault, config: Mapping[str, Any]) -> AsyncIterator[Scene]:
    """Serve many sessions, spread over a few recordings, and look at the memory of the process meanwhile."""
    recordings = [
        await put_recording(vault, f"heard{n}", config["size"]) for n in range(config["recordings"])
    ]
    wanted = [recordings[n % len(recordings)] for n in range(config["listeners"])]
    sessions = [asdict(await open_session(vault, recording)) for recording in wanted]
    memory: list[tuple[float, int]] = []
    looking = asyncio.create_task(_look(memory))

    async def tell(question: Mapping[str, Any]) -> Any:
        return await _granted(vault) if question["do"] == "granted" else memory

    try:
        yield Scene(apps={"served": app_of(settings, vault)}, facts={"sessions": sessions}, tell=tell)
    finally:
        looking.cancel()


async def _look(memory: list[tuple[float, int]]) -> None:
    """Note moments of the monotonic clock, and the resident bytes of this process at each."""
    while True:
        memory.append((time.monotonic(), _resident()))
        await asyncio.sleep(_LOOK)


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


async def _granted(vault: Vault) -> int:
    """Return how many bytes the access log says were granted to listeners, once it stands still."""
    granted, start, size = 0, 0, (await vault.database.read(lambda tx: tx.tree.head())).size
    while start < size:
        end = min(size, start + _LEAVES)
        for leaf in await vault.database.read(partial(_read_leaves, start=start, end=end)):
            said = json.loads(leaf.leaf)
            if said["type"] == "playback.grant":
                granted += said["end"] - said["first"]
        start = end
    return granted


def _read_leaves(tx: Transaction, *, start: int, end: int) -> Sequence[Leaf]:
    return tx.tree.leaves(start, end)
