"""Part 2: what sealing adds to receiving a recording."""

import secrets
from collections.abc import Callable
from pathlib import Path

from bench.children import child
from bench.figures import Aim, Sample, print_ratio, print_raw, print_title, take_turns
from bench.sizes import Sizes
from bench.stage import ACCOUNT

_WORDS = {
    "sealed to nowhere": "PUT .../calls/{call}/recordings/{recording} as it is served (SHA-256, AES-256-GCM "
    "in 64 KiB frames, 1 MiB blocks, two in flight), with an object store that drops what it is given",
    "discarded": "the same route in the same process, which reads the body and drops it",
    "hashed": "the same route and pipeline with two blocks in flight, but SHA-256 alone",
    "sealed to disk": "the route as it is served, into a directory, fsync included",
    "plain to disk": "the same route, writing the body as it is into the same directory store, fsync too",
}
_KNOWN = 100_000


def upload(sizes: Sizes, folder: Path) -> None:
    """Measure in memory first, then to disk."""
    print_title(f"2. Upload of {sizes.upload / 1e6:g} MB by sendfile, {sizes.rounds} rounds")
    data_dir, body = folder / "upload", folder / "upload.body"
    _write(body, sizes.upload)
    config = {"data_dir": str(data_dir), "database_url": "sqlite", "known": _KNOWN}
    with child("bench.server", scene="upload", **config) as server, child("bench.client") as client:
        served = server.answer()

        def round_of(port: int) -> Callable[[], Sample]:
            def measure() -> Sample:
                mark = secrets.token_hex(8)
                path = f"/v1/accounts/{ACCOUNT}/calls/{mark}/recordings/{mark}"
                answer = client.ask(
                    do="upload", port=port, path=path, bearer=served["bearer"], file=str(body)
                )
                _drop(data_dir)
                return Sample(value=answer["value"], more={})

            return measure

        variants = {name: round_of(port) for name, port in served["ports"].items()}
        disk = {name: variants.pop(name) for name in ("sealed to disk", "plain to disk")}
        in_memory = take_turns(variants, rounds=sizes.rounds)
        print_raw(in_memory, "MB/s", _WORDS)
        print_ratio(in_memory, "sealed to nowhere", "discarded", Aim(bound=0.35))
        print_ratio(in_memory, "sealed to nowhere", "hashed", Aim(bound=0.78))
        on_disk = take_turns(disk, rounds=max(2, sizes.rounds // 2))
        print_raw(on_disk, "MB/s", _WORDS)
        print_ratio(on_disk, "sealed to disk", "plain to disk")
    body.unlink()


def _write(body: Path, size: int) -> None:
    block = secrets.token_bytes(1_000_000)
    with body.open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)


def _drop(data_dir: Path) -> None:
    """Delete what was stored, outside of the measured time."""
    for stored in (data_dir / "objects" / "recordings").rglob("*.audio"):
        stored.unlink()
