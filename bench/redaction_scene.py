"""What ``python -m bench redaction`` measures: audio with card numbers, a back-fill, and others beside it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import httpx
import numpy as np
import numpy.typing as npt

from bench.counted_servers import Servers
from bench.steady_load import SteadyLoad, call_start, play_range
from tests.support import corpus
from tests.support.keyed import CARD, call, keyed
from tests.support.tenant import Tenant, tone

Samples = npt.NDArray[np.int16]
#: Of one kind of request, in seconds between two of them.
_INTERVAL: Final = 0.2
_PATIENCE: Final = 1800.0
#: Uploads at a time.
_AT_ONCE: Final = 4
#: Seconds of a recording that is back-filled, and the second at which its card number begins.
LENGTH: Final = 10.0
_BEGINS: Final = 2.0
#: -36 dB of full scale.
_NOISE: Final = 500.0


def card_call(seconds: float, *, channels: int = 1, rate: int = corpus.RATE) -> Samples:
    """Return a call in which a card number is keyed after two seconds.

    Its noise is loud enough that the detector compares every window, as it does with speech without pauses.
    """
    parts = [(_BEGINS, keyed(CARD, rate=rate))]
    made: Samples = call(*parts, seconds=seconds, rate=rate, channels=channels, noise=_NOISE)
    return made


def files(samples: Samples) -> Mapping[str, bytes]:
    """Return one mono call of 8 kHz in each format whose removal is measured."""
    return {
        "PCM": corpus.wav(samples),
        "G.711 µ-law": corpus.encode("wav", "pcm_mulaw", samples),
        "MP3": corpus.encode("mp3", "libmp3lame", samples),
        "Opus": corpus.encode("ogg", "libopus", samples, encoder_rate=48000),
        "AMR": corpus.encode("amr", "libopencore_amrnb", samples),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """An account whose recordings arrived before its policy, and another account that calls and listens."""

    servers: Servers
    key: str
    tenant: Tenant
    other: Tenant
    #: A recording of the other account.
    played: str

    @classmethod
    def open(cls, servers: Servers, http: httpx.Client, key: str) -> "Archive":
        """Open both accounts, and make a recording of the other one available."""
        tenant, other = Tenant.open(http), Tenant.open(http)
        played = upload(other, tone(34), ref="played")
        return cls(servers=servers, key=key, tenant=tenant, other=other, played=played)

    def fill(self, count: int) -> None:
        """Upload ``count`` recordings, each tenth of them with a card number, and wait until all can be played."""
        card, plain = corpus.wav(card_call(LENGTH)), corpus.wav(call(seconds=LENGTH, noise=_NOISE))

        def put(number: int) -> str:
            audio = card if number % 10 == 0 else plain
            # The number at the end makes other bytes of each.
            return upload(
                self.tenant, audio + number.to_bytes(4, "big"), ref=f"r-{number}", call=f"c-{number}"
            )

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(put, range(count)))

    def begin(self) -> Mapping[str, Any]:
        """Set the policy and begin the back-fill; return it."""
        self._ask("PUT", "", {"keyed_digits": "redact"})
        return self._ask("POST", "/back-fill", {"keyed_digits": "redact"})

    def change(self, state: str) -> Mapping[str, Any]:
        """Pause it or let it go on; return it."""
        return self._ask("PATCH", "/back-fill", {"state": state})

    def progress(self) -> Mapping[str, Any]:
        """Return the back-fill."""
        return self._ask("GET", "/back-fill", None)

    def wait(self) -> Mapping[str, Any]:
        """Return the back-fill when it is over."""
        deadline = time.monotonic() + _PATIENCE
        while (one := self.progress())["state"] == "running":
            if time.monotonic() > deadline:
                raise TimeoutError("The back-fill does not end.")
            time.sleep(0.5)
        return one

    def others(self, seconds: float) -> Mapping[str, list[float]]:
        """Let the other account call and listen for so long; return the seconds of each answer, by kind.

        Raises RuntimeError for an answer that is not 2xx.
        """
        port = int(self.servers.url.rpartition(":")[2])
        load = SteadyLoad(port=port, key=self.key)
        asyncio.run(self._round(load, seconds))
        odd = {status for found in load.statuses.values() for status in found if status // 100 != 2}  # noqa: PLR2004
        if odd:
            raise RuntimeError(f"Others got the answers {sorted(odd)}.")
        return load.latencies

    async def _round(self, load: SteadyLoad, seconds: float) -> None:
        builders: Mapping[str, Callable[[], bytes]] = {
            "call start": lambda: call_start(self.other, self.key),
            "play": lambda: play_range(self.other, self.played, self.key),
        }
        await asyncio.gather(
            *(load.steady(kind, _INTERVAL, seconds, build) for kind, build in builders.items())
        )

    def _ask(self, method: str, path: str, said: Mapping[str, Any] | None) -> Mapping[str, Any]:
        answer = self.tenant.http.request(method, self.tenant.url(f"/card-data{path}"), json=said)
        answer.raise_for_status()
        return dict(answer.json())


def upload(tenant: Tenant, audio: bytes, *, ref: str, call: str = "call-1") -> str:
    """Upload a recording, wait until it can be played, and return its id."""
    answer = tenant.put(audio, call=call, ref=ref)
    answer.raise_for_status()
    recording: str = answer.json()["id"]
    deadline = time.monotonic() + _PATIENCE
    while (found := tenant.get(recording))["state"] != "available":
        if time.monotonic() > deadline or found["state"] in {"quarantined", "failed"}:
            raise TimeoutError(f"A recording stays {found['state']}: {found['reasons']}")
        time.sleep(0.05)
    return recording


def remove(tenant: Tenant, recording: str, begin: float, end: float) -> None:
    """Remove a range of all channels, in seconds. Raises httpx.HTTPStatusError."""
    said = {"ranges": [{"from": begin, "to": end}], "reason": "card"}
    tenant.http.post(tenant.url(f"/recordings/{recording}/redactions"), json=said).raise_for_status()
