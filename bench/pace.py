"""``python -m bench pace``: seconds of audio that are sent, beside the seconds that are heard, in three browsers.

A call of ten minutes (mu-law, two channels, 16 kB a second) is played in Chromium, Firefox and WebKitGTK: ten seconds
and a pause; two parts; three times as fast; five seeks; and both speeds over a line of 1 Mbit/s. What is sent is what
the access log says, by its grants and ends. A wait is a stop for lack of audio after the first sound of a part.
"""

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Queue
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from bench.figures import print_title
from bench.machine import describe_machine
from tests.journeys.player import FIRST, SECOND, dual
from tests.journeys.three_browsers import BROWSERS, Tab
from tests.servers.vault_process import vault_process
from tests.support.tenant import Tenant

_SECONDS: Final = 600
_BYTES_PER_SECOND: Final = 16_000
_LINE: Final = 1_000_000 // 8
_CHUNK: Final = 2048
_PATIENCE: Final = 60.0
_AUDIO: Final = "document.querySelector('audio')"
#: Counts waits, but not those after a seek or before the first sound.
_WATCH: Final = f"""(() => {{
  const audio = {_AUDIO};
  window.waits = 0; window.sounding = false;
  audio.addEventListener('playing', () => {{ window.sounding = true; }});
  audio.addEventListener('seeking', () => {{ window.sounding = false; }});
  audio.addEventListener('emptied', () => {{ window.sounding = false; }});
  audio.addEventListener('waiting', () => {{ if (window.sounding && !audio.seeking) window.waits++; }});
}})()"""


def pace() -> None:
    """Print the table."""
    print(describe_machine(), flush=True)
    print_title("seconds sent, beside seconds heard")
    print(f"  {'':<12}{'':<34}{'heard':>8}{'sent':>8}{'granted':>9}{'waits':>7}")
    with tempfile.TemporaryDirectory(prefix="callvault-pace-") as name, vault_process(Path(name)) as vault:
        headers = {"Authorization": f"Bearer {vault.create_key()}"}
        with httpx.Client(base_url=vault.url, headers=headers, timeout=60) as http:
            tenant = Tenant.open(http)
            recording = tenant.uploaded(dual((FIRST, SECOND, _SECONDS)))
            for browser, opened in BROWSERS.items():
                with opened() as tab, _slow_line(vault.url) as slow:
                    for case, (play, is_slow) in _CASES.items():
                        heard, waits = _listen(tab, tenant, recording, slow if is_slow else vault.url, play)
                        sent, granted = _sent(tenant)
                        print(
                            f"  {browser:<12}{case:<34}{heard:>8.1f}{sent:>8.1f}{granted:>9.1f}{waits:>7}",
                            flush=True,
                        )


def _ten(tab: Tab) -> float:
    """Hear ten seconds from the beginning."""
    return _hear(tab, 10)


def _two(tab: Tab) -> float:
    """Hear ten seconds, and ten from the middle."""
    return _hear(tab, 10) + _hear(tab, 10, at=0.5)


def _triple(tab: Tab) -> float:
    """Hear 45 seconds of audio three times as fast."""
    tab.run(
        "(() => { const speed = document.querySelector('#speed'); speed.value = '3';"
        " speed.dispatchEvent(new Event('change')); })()"
    )
    return _hear(tab, 45)


def _seeks(tab: Tab) -> float:
    """Hear two seconds after each of five seeks."""
    return sum(_hear(tab, 2, at=share) for share in (0.1, 0.3, 0.5, 0.7, 0.9))


_CASES: Final[Mapping[str, tuple[Callable[[Tab], float], bool]]] = {
    "10 s": (_ten, False),
    "two parts of 10 s": (_two, False),
    "45 s at triple speed": (_triple, False),
    "five seeks, 2 s after each": (_seeks, False),
    "10 s, 1 Mbit/s": (_ten, True),
    "45 s at triple speed, 1 Mbit/s": (_triple, True),
}


def _hear(tab: Tab, seconds: float, *, at: float | None = None) -> float:
    """Play from the position, or from a share of the call; pause, and return the seconds that were heard."""
    if at is not None:
        tab.drag("#seek", at, at)
    tab.click("#play")
    _until(tab, f"!{_AUDIO}.seeking && !{_AUDIO}.paused && {_AUDIO}.currentTime > 0")
    begun = float(tab.run(f"{_AUDIO}.currentTime"))
    _until(tab, f"{_AUDIO}.currentTime >= {begun + seconds}")
    tab.click("#play")
    ended = float(tab.run(f"{_AUDIO}.currentTime"))
    # A pause, after which somebody looks away.
    time.sleep(6)
    return ended - begun


def _listen(
    tab: Tab, tenant: Tenant, recording: str, url: str, play: Callable[[Tab], float]
) -> tuple[float, int]:
    """Open a link, play, and leave; return the seconds that were heard, and the waits."""
    link = tenant.link(recording, listener="Robin Doe")["url"]
    tab.goto(url + urlsplit(link).path)
    tab.click("button[type=submit]")
    _until(tab, "document.querySelector('#controls')?.hidden === false")
    tab.run(_WATCH)
    heard = play(tab)
    waits = int(tab.run("window.waits"))
    tab.goto("about:blank")
    return heard, waits


def _until(tab: Tab, expression: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not tab.run(expression):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Never true: {expression}")
        time.sleep(0.05)


def _sent(tenant: Tenant) -> tuple[float, float]:
    """Return the seconds that the newest session was sent and granted, once all its requests have ended."""
    before: list[dict[str, Any]] = []
    while True:
        time.sleep(2)
        events = [one for one in tenant.events() if one["type"] in {"playback.grant", "playback.end"}]
        if events and len(events) == len(before):
            break
        before = events
    newest = [one for one in events if one["session"] == events[-1]["session"]]
    sent = sum(one["end"] for one in newest if one["type"] == "playback.end")
    granted = sum(one["end"] - one["first"] for one in newest if one["type"] == "playback.grant")
    return sent / _BYTES_PER_SECOND, granted / _BYTES_PER_SECOND


@contextmanager
def _slow_line(url: str) -> Iterator[str]:
    """Lead to a server over a line of 1 Mbit/s; yield the URL of its beginning."""
    target, loop, ports = urlsplit(url), asyncio.new_event_loop(), Queue[int]()
    task = loop.create_task(_lead(str(target.hostname), target.port or 80, ports))

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        for rest in asyncio.all_tasks(loop):
            rest.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://{target.hostname}:{ports.get()}"
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


async def _lead(host: str, port: int, ports: Queue[int]) -> None:
    """Pass on what connections say, as fast as the line takes it in each direction; put the port into ``ports``."""
    free_at = [0.0]

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                now = loop.time()
                free_at[0] = max(free_at[0], now) + len(chunk) / _LINE
                await asyncio.sleep(free_at[0] - now)
                writer.write(chunk)
                await writer.drain()
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A small buffer, as of a line: what waits in it counts as sent.
        there, back = await asyncio.open_connection(host, port, limit=_CHUNK)
        await asyncio.gather(pump(there, writer), pump(reader, back))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    ports.put(server.sockets[0].getsockname()[1])
    await server.serve_forever()
