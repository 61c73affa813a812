"""The server process: one uvicorn server with several apps, one on each port.

The apps are the vault's own, built as ``vault/server/asgi.py`` builds them, on one assembled vault; they differ
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
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from bench import scenes_instead, scenes_listening, scenes_receiving
from bench.links import links_scene
from bench.scene import Scene
from bench.stage import settings_of
from vault import structured_log
from vault.cli.main import _keep_large_blocks
from vault.composition.assemble import assemble

_SCENES: Mapping[str, Callable[..., AbstractAsyncContextManager[Scene]]] = {
    "webhook": scenes_receiving.webhook,
    "queued": scenes_receiving.queued,
    "upload": scenes_receiving.upload,
    "calls": scenes_receiving.calls,
    "listen": scenes_listening.listen,
    "opens": scenes_listening.opens,
    "links": links_scene,
    "listeners": scenes_listening.listeners,
    "instead": scenes_instead.instead,
}


class _ByPort:
    """Passes each request to the app of the port that it came in by."""

    def __init__(self, apps: Mapping[int, ASGIApp]) -> None:
        self._apps = apps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._apps[scope["server"][1]](scope, receive, send)


async def _serve(config: Mapping[str, Any]) -> None:
    settings = settings_of(
        config["data_dir"],
        config["database_url"],
        config.get("media_allow", ""),
        config.get("objects_url", ""),
    )
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
    structured_log.set_up("ERROR")
    _keep_large_blocks()
    config = json.loads(sys.argv[1])
    with asyncio.Runner(loop_factory=_config(None).get_loop_factory()) as runner:
        runner.run(_serve(config))


if __name__ == "__main__":
    main()
