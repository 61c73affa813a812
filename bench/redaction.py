"""``python -m bench redaction [--quick]``: what finding and removing keyed card numbers costs.

Finding: CPU milliseconds of this process for a second of one channel, alone and beside the decoding that shares the
pass. False digits: what the detector takes for keys in the speech of Debian's prompt packages. Removing: CPU of all
processes of a vault for a second of audio, by format. A back-fill of 1,000 recordings under the policy ``redact``, each
tenth with a card number, is paused and continued in turns, while another account calls and listens.
"""

import io
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import httpx

from bench.counted_servers import Servers, fleet, single
from bench.figures import (
    Aim,
    Sample,
    percentile,
    print_ratio,
    print_raw,
    print_skipped,
    print_title,
    print_worst,
    take_turns,
)
from bench.machine import describe_machine
from bench.redaction_scene import Archive, Samples, card_call, files, remove, upload
from tests.support import corpus
from tests.support.tenant import Tenant
from vault.audio.decoding import Pass, describe
from vault.audio.keyed_digits import KeyDetector
from vault.audio.keyed_sequences import KeyedSequences
from vault.errors import Undecodable

_PROMPTS: Final = Path("/usr/share/asterisk/sounds")
_INSTALL: Final = (
    "apt-get install asterisk-core-sounds-en-wav asterisk-prompt-de asterisk-prompt-es-co"
    " asterisk-prompt-fr-armelle asterisk-prompt-it-menardi-wav"
)
_DETECTION: Final = Aim(bound=2.0, at_least=False)
_NONE: Final = Aim(bound=0.0, at_least=False)
_UNAFFECTED: Final = Aim(bound=1.5, at_least=False)
_MILLISECONDS: Final = 1000.0
#: ``single`` or ``fleet``: what they take is a folder and the media hosts that are allowed.
_Kind: TypeAlias = Callable[[Path, str], AbstractContextManager[Servers]]
#: Seconds of each answer, by kind of request.
_Latencies: TypeAlias = Mapping[str, list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizes:
    rounds: int = 5
    #: Seconds of audio that is searched, and from which something is removed.
    searched: float = 300.0
    edited: float = 300.0
    #: Recordings of the archive, and seconds of one round beside its back-fill.
    recordings: int = 1000
    seconds: float = 10.0
    #: Files of the prompt packages; None for all of them.
    prompts: int | None = None


_FULL: Final = _Sizes()
_QUICK: Final = _Sizes(rounds=1, searched=10.0, edited=10.0, recordings=40, seconds=0.6, prompts=3)


def redaction(*, quick: bool = False) -> None:
    """Print the figures; those of PostgreSQL only where it and the Ceph gateway are installed."""
    sizes = _QUICK if quick else _FULL
    print(describe_machine(), flush=True)
    _finding(sizes)
    _false_digits(sizes)
    with _vault(single) as (servers, http, key):
        _removing(sizes, servers, http)
        _back_fill(sizes, "SQLite", Archive.open(servers, http, key))
    if quick:
        return
    try:
        with _vault(fleet) as (servers, http, key):
            _back_fill(sizes, "PostgreSQL and Ceph", Archive.open(servers, http, key))
    except FileNotFoundError as missing:
        print_skipped("a back-fill on PostgreSQL", str(missing))


@contextmanager
def _vault(kind: _Kind) -> Iterator[tuple[Servers, httpx.Client, str]]:
    """Run servers in a folder of their own; yields them, a client with an admin's key, and the key."""
    with (
        tempfile.TemporaryDirectory(prefix="callvault-redaction-") as folder,
        kind(Path(folder) / "servers", "") as servers,
    ):
        key = servers.command("keys", "create", "--name", "redaction", "--scopes", "*")
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=servers.url, headers=headers, timeout=120) as http:
            yield servers, http, key


def _finding(sizes: _Sizes) -> None:
    for rate in (8000, 48000):
        samples = card_call(sizes.searched, rate=rate)
        audio = corpus.wav(samples, rate=rate)
        print_title(
            f"Finding keyed digits at {rate / 1000:g} kHz, {sizes.rounds} rounds of {sizes.searched:g} s"
        )
        variants = {
            "detector alone": partial(_cpu, partial(_detect, samples, rate), sizes.searched),
            "described, digits found": partial(
                _cpu, partial(_describe, audio, find_digits=True), sizes.searched
            ),
            "described": partial(_cpu, partial(_describe, audio, find_digits=False), sizes.searched),
        }
        series = take_turns(variants, rounds=sizes.rounds)
        print_raw(series, "ms", dict.fromkeys(variants, "CPU for a second of one channel, PCM16"))
        print_ratio(series, "described, digits found", "described")
        print_worst(
            "CPU of the detector", [one.value for one in series["detector alone"]], unit=" ms", aim=_DETECTION
        )


def _cpu(work: "partial[None]", seconds: float) -> Sample:
    begun = time.process_time()
    work()
    return Sample(value=(time.process_time() - begun) * _MILLISECONDS / seconds, more={})


def _detect(samples: Samples, rate: int) -> None:
    sequences = KeyedSequences(rate, 1)
    for first in range(0, len(samples), 65536):
        sequences.add(samples[first : first + 65536])
    _expect_one(len(sequences.end()))


def _describe(audio: bytes, *, find_digits: bool) -> None:
    found = describe(io.BytesIO(audio), find_digits=find_digits).keyed_digits
    if find_digits:
        _expect_one(len(found))


def _expect_one(found: int) -> None:
    if found != 1:
        raise RuntimeError(f"{found} sequences were found in a call that has one.")


def _false_digits(sizes: _Sizes) -> None:
    print_title("Keys that the detector hears in the speech of prompts")
    paths = sorted(path for path in _PROMPTS.glob("**/*") if path.suffix in {".wav", ".gsm"})
    if not paths:
        print_skipped("false digits", f"no prompts are installed: {_INSTALL}")
        return
    counts = dict.fromkeys(("seconds", "keys", "trusted", "sequences"), 0.0)
    for path in paths[: sizes.prompts]:
        for name, count in _heard_in(path.read_bytes()).items():
            counts[name] += count
    hours = counts["seconds"] / 3600
    print(f"    {len(paths[: sizes.prompts]):,} files, {hours:.2f} hours: {counts['keys']:g} keys")
    print_worst("sequences in all of them", [counts["sequences"]], aim=_NONE)
    print_worst("trusted keys in an hour", [counts["trusted"] / hours], aim=_NONE)


def _heard_in(audio: bytes) -> Mapping[str, float]:
    """Return what is heard in one file; what the vault cannot decode counts nothing."""
    try:
        decoding = Pass(io.BytesIO(audio))
        with decoding.input:
            blocks = list(decoding.blocks())
    except Undecodable:
        return {}
    if not blocks:
        return {}
    detector, sequences = KeyDetector(decoding.sample_rate), KeyedSequences(decoding.sample_rate, 1)
    keys = []
    for block in blocks:
        keys += detector.add(block[:, 0])
        sequences.add(block[:, :1])
    keys += detector.end()
    return {
        "seconds": decoding.samples / decoding.sample_rate,
        "keys": len(keys),
        "trusted": sum(key.is_trusted for key in keys),
        "sequences": len(sequences.end()),
    }


def _removing(sizes: _Sizes, servers: Servers, http: httpx.Client) -> None:
    print_title(f"Removing five seconds from a mono call of {sizes.edited:g} s, {sizes.rounds} rounds")
    tenant = Tenant.open(http)
    for name, audio in files(card_call(sizes.edited)).items():
        taken = []
        for number in range(sizes.rounds):
            recording = upload(tenant, audio + number.to_bytes(4, "big"), ref=f"{name[:3]}-{number}")
            time.sleep(1.0)
            begun = servers.cpu().cpu["vault"]
            remove(tenant, recording, 1.5, 6.5)
            taken.append((servers.cpu().cpu["vault"] - begun) * _MILLISECONDS / sizes.edited)
        print_worst(f"CPU for a second of {name}", taken, unit=" ms")


def _back_fill(sizes: _Sizes, database: str, archive: Archive) -> None:
    print_title(
        f"A back-fill of {sizes.recordings:,} recordings on {database}, {sizes.rounds} rounds beside others"
    )
    archive.fill(sizes.recordings)
    begun = time.monotonic()
    archive.begin()
    rounds = [_round(archive, sizes.seconds, running_first=number % 2 == 0) for number in range(sizes.rounds)]
    if archive.change("running")["searched"] == sizes.recordings:
        raise RuntimeError("The back-fill was over before the rounds beside it: take more recordings.")
    ended = archive.wait()
    print(
        f"    {ended['state']} in {time.monotonic() - begun:.0f} s with the pauses, {ended['searched']:,} searched,"
        f" {ended['removed']} removed, {ended['unremoved']} not, {ended['unreadable']} unreadable"
    )
    if (ended["searched"], ended["removed"]) != (sizes.recordings, -(-sizes.recordings // 10)):
        raise RuntimeError("The back-fill has missed recordings.")
    _print_others(rounds)


def _round(archive: Archive, seconds: float, *, running_first: bool) -> Mapping[str, _Latencies]:
    """Return what others waited for beside the back-fill and while it was paused. Raises if a pause is none."""
    found = {}
    for state in ("running", "paused") if running_first else ("paused", "running"):
        now = archive.progress()
        before = (now if now["state"] == state else archive.change(state))["searched"]
        found[state] = archive.others(seconds)
        if state == "paused" and archive.progress()["searched"] != before:
            raise RuntimeError("A back-fill that was paused went on.")
    return found


def _print_others(rounds: Sequence[Mapping[str, _Latencies]]) -> None:
    for kind in rounds[0]["running"]:
        series = {
            f"{kind}, {state}": [_sample(one[state][kind]) for one in rounds]
            for state in ("running", "paused")
        }
        words = {
            name: f"median from the planned time, back-fill {name.rpartition(' ')[2]}" for name in series
        }
        print_raw(series, "ms", words)
        running, paused = series
        print_ratio(series, running, paused, _UNAFFECTED)


def _sample(latencies: Sequence[float]) -> Sample:
    return Sample(
        value=percentile(latencies, 0.5) * _MILLISECONDS,
        more={"p95": percentile(latencies, 0.95) * _MILLISECONDS},
    )
