"""Part 11: many concurrent listeners: does anyone's sound stop, and does the server's memory stand still."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.children import Child, child, fresh_child
from bench.figures import Aim, Sample, print_raw, print_title, print_worst
from bench.sizes import Sizes

#: Bytes of a second of sound, 8 kHz in 16 bit and stereo, and how much faster than that it is heard here.
_SECOND = 8000 * 2 * 2
_FASTER = 8
#: Listeners to a recording.
_TOGETHER = 25
#: Bytes that the kernel and the server may hold for a listener beyond what is heard.
_SPARE = 12_000_000
_MOST_ROUNDS = 3
_MEBIBYTE = 1024 * 1024
_NAME = "listeners"
_WORDS = {
    _NAME: "GET /s/{session}/audio as it is served, a session and a connection each, from SQLite and a directory, "
    "taken at the pace of the sound by a player that keeps 2 s, over a connection with small packets and a small "
    "window; p50 and p99 are the times to the first half second",
}


def listeners(sizes: Sizes, folder: Path) -> None:
    """Let all of them listen for a while, go away, and come again."""
    rounds, pace = min(_MOST_ROUNDS, sizes.rounds), _SECOND * _FASTER
    print_title(
        f"11. {sizes.listeners} listeners at once on SQLite, 8 kHz PCM in stereo at {_FASTER} times its pace "
        f"({pace / 1000:g} kB/s each), {rounds} rounds of {sizes.listening:g} s after {sizes.arriving:g} s of arriving"
    )
    size = round(pace * (sizes.arriving + sizes.listening)) + _SPARE
    config = {
        "data_dir": str(folder / "listeners"), "database_url": "sqlite", "size": size,
        "recordings": max(1, sizes.listeners // _TOGETHER), "listeners": sizes.listeners,
    }  # fmt: skip
    # Its memory is what is looked at, so it shares none with another process.
    with fresh_child("bench.server", scene="listeners", **config) as server, child("bench.client") as client:
        served = server.answer()
        answers = [
            client.ask(
                do="listeners", port=served["ports"]["served"], sessions=served["sessions"], pace=pace,
                arriving=sizes.arriving, seconds=sizes.listening,
            )
            for _ in range(rounds)
        ]  # fmt: skip
        _print_sound(sizes, answers)
        _print_memory(server.ask(do="memory"), answers)
        _compare(server, answers)


def _print_sound(sizes: Sizes, answers: Sequence[Mapping[str, Any]]) -> None:
    seen = ("p50", "p99", "between looks")
    samples = [Sample(value=one["value"], more={key: one[key] for key in seen}) for one in answers]
    print_raw({_NAME: samples}, "MB/s", _WORDS)
    name = f"listeners of {sizes.listeners} whose sound never stopped"
    print_worst(name, [one["steady"] for one in answers], aim=Aim(bound=sizes.listeners))
    print_worst("longest silence of a listener", [one["silence"] for one in answers], unit=" ms")


def _print_memory(memory: Sequence[tuple[float, int]], answers: Sequence[Mapping[str, Any]]) -> None:
    """Print the server's resident memory; a third of the time after the last arrival everyone has large windows."""
    ratios, ends = [], []
    for number, one in enumerate(answers, 1):
        settled = one["arrived"] + (one["ended"] - one["arrived"]) / 3
        at = [_at(memory, moment) for moment in (one["begun"], one["arrived"], settled, one["ended"])]
        ratios.append(at[-1] / at[-2])
        ends.append(at[-1])
        print(
            f"  memory of the server in round {number}, MiB: {at[0]:.0f} before, {at[1]:.0f} when all had begun, "
            f"{at[2]:.0f} after a third of the time, {at[3]:.0f} at the end"
        )
    print_worst("memory at the end / after a third of the time", ratios, aim=Aim(bound=1.1, at_least=False))
    # All of them going and coming again is another thing than all of them listening on.
    print_worst("memory at the end / at the end of the first round", [end / ends[0] for end in ends[1:]])


def _at(memory: Sequence[tuple[float, int]], moment: float) -> float:
    """Return the mebibytes at the last look before a moment; at least one look there was."""
    seen = [resident for at, resident in memory if at <= moment]
    return (seen[-1] if seen else memory[0][1]) / _MEBIBYTE


def _compare(server: Child, answers: Sequence[Mapping[str, Any]]) -> None:
    granted, received = server.ask(do="granted"), sum(one["received"] for one in answers)
    print(f"  bytes granted in the access log: {granted}, received by listeners: {received}")
    if granted < received:
        raise RuntimeError("More was received than the log says.")
