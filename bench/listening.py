"""Parts 4, 5 and 10: seeking, playing, and the first byte, with every granted window durable in the log first."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.children import Child, child
from bench.figures import Aim, Sample, print_ratio, print_raw, print_skipped, print_title, take_turns
from bench.nginx import nginx
from bench.sizes import Sizes

_SEEK = 64 * 1024
_RANGE = "GET /s/{session}/audio with Range: 64 KiB at random places, one connection, median time; "
_SEEK_WORDS = {
    "in the large one": _RANGE + "as it is served, in the large recording",
    "in the small one": _RANGE + "as it is served, in the small recording",
    "without grants": _RANGE + "in the large recording, with a database port that grants without "
    "writing; what was sent is still logged afterwards, beside the next request",
    "without log": _RANGE + "in the large recording, with nothing of it logged",
}
_PLAY_WORDS = {
    "played": "GET /s/{session}/audio as it is served: session checked, windows granted durably",
    "played without log": "the same route in the same process, with nothing of it logged",
    "FileResponse": "Starlette's FileResponse of the same bytes in clear, in the same process, unchecked",
    "nginx": "nginx, one worker, sendfile of the same bytes in clear",
}

_FIRST = "GET /s/{session}/audio of all of it, one connection, median time to the first byte; "
_FIRST_WORDS = {
    "session audio": _FIRST
    + "as it is served: session checked, recording key unwrapped, the first window of "
    "64 KiB granted durably while its frame is read and opened",
    "without log": _FIRST + "the same route in the same process, with nothing of it logged",
    "plain file": "Starlette's FileResponse of the same bytes in clear, in the same process, unchecked, read in the "
    "same way",
}


def seek(sizes: Sizes, folder: Path) -> None:
    """Compare seeks by the size of the recording, and by the log."""
    large, small = f"{sizes.large / 1e6:g} MB", f"{sizes.small / 1e6:g} MB"
    print_title(f"4. Seeks of 64 KiB in {large} and in {small}, {sizes.rounds} rounds of {sizes.seeks}")
    recordings = {"large": sizes.large, "small": sizes.small}
    with _listening(folder / "seek", recordings) as (served, client):

        def round_of(app: str, name: str) -> Callable[[], Sample]:
            session, port = served["sessions"][name], served["ports"][app]

            def measure() -> Sample:
                answer = client.ask(do="seek", port=port, length=_SEEK, count=sizes.seeks, **session)
                return Sample(value=answer["value"], more={"p99": answer["p99"]})

            return measure

        variants = {
            "in the large one": round_of("logged", "large"),
            "in the small one": round_of("logged", "small"),
            "without grants": round_of("not granted", "large"),
            "without log": round_of("not logged", "large"),
        }
        series = take_turns(variants, rounds=sizes.rounds)
    print_raw(series, "ms", _SEEK_WORDS)
    print_ratio(series, "in the large one", "in the small one", Aim(bound=1.1, at_least=False))
    print_ratio(series, "in the large one", "without grants", Aim(bound=1.75, at_least=False))
    print_ratio(series, "in the large one", "without log")


def playback(sizes: Sizes, folder: Path) -> None:
    """Compare playing all of a recording with giving away a file."""
    rounds = 2 * sizes.rounds  # They are short.
    print_title(f"5. Full playback of {sizes.playback / 1e6:g} MB, {rounds} rounds")
    with _listening(folder / "playback", {"all": sizes.playback}) as (served, client):
        heard, ports = served["sessions"]["all"], served["ports"]

        def round_of(port: int, path: str) -> Callable[[], Sample]:
            def measure() -> Sample:
                asked = {"port": port, "path": path, "cookie": heard["cookie"], "size": heard["size"]}
                answer = client.ask(do="play", **asked)
                return Sample(value=answer["value"], more={"first byte": answer["ttfb"]})

            return measure

        variants = {
            "played": round_of(ports["logged"], heard["path"]),
            "played without log": round_of(ports["not logged"], heard["path"]),
            "FileResponse": round_of(ports["file"], "/"),
        }
        try:
            with nginx(folder / "nginx", served["plain"].parent) as port:
                variants["nginx"] = round_of(port, f"/{served['plain'].name}")
                series = take_turns(variants, rounds=rounds)
        except FileNotFoundError:
            series = take_turns(variants, rounds=rounds)
    print_raw(series, "MB/s", _PLAY_WORDS)
    print_ratio(series, "played", "FileResponse", Aim(bound=2.3))
    print_ratio(series, "played", "played without log")
    if "nginx" in series:
        print_ratio(series, "played", "nginx")
    else:
        print_skipped("played / nginx", "nginx is not installed")


def first_byte(sizes: Sizes, folder: Path) -> None:
    """Compare how soon the first byte of a recording comes with how soon that of a file does."""
    print_title(
        f"10. First byte of {sizes.small / 1e6:g} MB, the first window 64 KiB, {sizes.rounds} rounds of {sizes.begun}"
    )
    with _listening(folder / "first", {"all": sizes.small}) as (served, client):
        heard, ports = served["sessions"]["all"], served["ports"]

        def round_of(port: int, path: str) -> Callable[[], Sample]:
            def measure() -> Sample:
                asked = {"path": path, "cookie": heard["cookie"], "size": heard["size"]}
                answer = client.ask(do="first byte", port=port, count=sizes.begun, **asked)
                return Sample(value=answer["value"], more={"p99": answer["p99"]})

            return measure

        variants = {
            "session audio": round_of(ports["logged"], heard["path"]),
            "without log": round_of(ports["not logged"], heard["path"]),
            "plain file": round_of(ports["file"], "/"),
        }
        series = take_turns(variants, rounds=sizes.rounds)
    print_raw(series, "ms", _FIRST_WORDS)
    print_ratio(series, "session audio", "plain file")
    print_ratio(series, "session audio", "without log")


@contextmanager
def _listening(data_dir: Path, recordings: Mapping[str, int]) -> Iterator[tuple[Mapping[str, Any], Child]]:
    """Start a client and a server with a session on each recording; the last one is copied in clear."""
    plain = data_dir.with_suffix(".plain") / "plain.wav"
    plain.parent.mkdir()
    config = {
        "data_dir": str(data_dir), "database_url": "sqlite", "sizes": dict(recordings),
        "copied": list(recordings)[-1], "plain": str(plain),
    }  # fmt: skip
    with child("bench.server", scene="listen", **config) as server, child("bench.client") as client:
        yield {**server.answer(), "plain": plain}, client
