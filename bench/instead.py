"""Part 13: what people would use instead, on a real S3 server: sealing by hand, no sealing, no store at all."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from bench.ceph import BUCKET, gateway
from bench.children import Child, child, fresh_child
from bench.figures import Sample, print_ratio, print_raw, print_skipped, print_title, print_worst, take_turns
from bench.nginx import nginx
from bench.sizes import Sizes
from bench.stage import ACCOUNT

_PIECE = 64 * 1024
#: After one to warm up: the plain handler takes minutes for each.
_ROUNDS = 1
#: How often a piece is heard in one sample; the plain handler, which opens the whole for each, gives it once.
_PIECES = 50
_MIB = 1024 * 1024
_TAKING = {
    "vault": "PUT of the audio to the vault on S3: sealed in 64 KiB frames while it comes, read back by nobody yet",
    "plain handler": "PUT of the audio to a FastAPI handler, which keeps it as an UploadFile does, lets "
    "aws-encryption-sdk seal it with its defaults, and boto3's upload_fileobj send it",
}
_HEARING = {
    "vault's session": "64 KiB in the middle from /s/{session}/audio: granted in the log, one ranged GET, opened; "
    "like those below the median of 50",
    "plain handler's piece": "the same bytes from the plain handler, which opens what it sealed from the "
    "beginning; once",
    "pre-signed URL": "the same range of the audio in clear, from the S3 server by a pre-signed URL",
    "nginx's file": "the same range of the audio in clear, from nginx with sendfile",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """Both servers, their client, and the audio."""

    client: Child
    vault: Child
    vault_port: int
    bearer: str
    plain: Child
    plain_port: int
    audio: Path
    s3: Any

    def taking(self) -> Mapping[str, Callable[[], Sample]]:
        """Return how each takes the audio in."""

        def vault() -> Sample:
            self.empty("recordings/")
            name = secrets.token_hex(8)
            path = f"/v1/accounts/{ACCOUNT}/calls/{name}/recordings/{name}"
            sent = {"port": self.vault_port, "path": path, "bearer": self.bearer, "file": str(self.audio)}
            taken = self._watched(self.vault, lambda: self.client.ask(do="upload", **sent))
            self.vault.ask(do="let in")
            return taken

        def plain() -> Sample:
            sent = {"path": "/recordings/bench", "bearer": "", "file": str(self.audio)}
            return self._watched(
                self.plain, lambda: self.client.ask(do="upload", port=self.plain_port, **sent)
            )

        return {"vault": vault, "plain handler": plain}

    def hearing(self, nginx_port: int | None) -> Mapping[str, Callable[[], Sample]]:
        """Return how a piece from the middle comes from each."""
        middle = self.audio.stat().st_size // 2
        session = self.vault.ask(do="listen")
        span = {"Range": f"bytes={middle}-{middle + _PIECE - 1}"}
        clear = {"Bucket": BUCKET, "Key": "clear"}
        with self.audio.open("rb") as body:
            self.s3.upload_fileobj(body, *clear.values())
        signed = urlsplit(self.s3.generate_presigned_url("get_object", clear))
        places: dict[str, tuple[int | None, str, Mapping[str, str], str]] = {
            "vault's session": (self.vault_port, session["path"], span | {"Cookie": session["cookie"]}, "206"),
            "plain handler's piece": (
                self.plain_port, f"/recordings/bench?first={middle}&end={middle + _PIECE}", {}, "200",
            ),
            "pre-signed URL": (signed.port, f"{signed.path}?{signed.query}", span | {"Host": signed.netloc}, "206"),
            "nginx's file": (nginx_port, f"/{self.audio.name}", span, "206"),
        }  # fmt: skip

        def round_of(port: int, path: str, headers: Mapping[str, str], status: str) -> Callable[[], Sample]:
            count = 1 if port == self.plain_port else _PIECES
            asked = {
                "port": port, "path": path, "headers": headers, "status": status, "length": _PIECE, "count": count,
            }  # fmt: skip
            return lambda: Sample(value=self.client.ask(do="piece", **asked)["value"], more={})

        return {name: round_of(port, *rest) for name, (port, *rest) in places.items() if port is not None}  # type: ignore[arg-type]

    def empty(self, prefix: str) -> None:
        """Delete what lies under a prefix of the vault's, so that the store in memory does not fill."""
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"vault/{prefix}").get("Contents", [])
        for one in found:
            self.s3.delete_object(Bucket=BUCKET, Key=one["Key"])

    def _watched(self, server: Child, deed: Callable[[], Any]) -> Sample:
        before = server.ask(do="forget peak")
        deed()
        after = server.ask(do="usage")
        gigabytes = self.audio.stat().st_size / 1e9
        grown = (after["peak"] - before["now"]) / _MIB
        return Sample(value=(after["seconds"] - before["seconds"]) / gigabytes, more={"grown": grown})


def instead(sizes: Sizes, folder: Path) -> None:
    """Compare taking a recording in, and hearing a piece from its middle."""
    size = f"{sizes.instead / 1e6:g} MB"
    print_title(
        f"13. Instead of a vault: {size} taken in, and 64 KiB from the middle, on the Ceph gateway, {_ROUNDS} rounds"
    )
    try:
        with _staged(sizes, folder / "instead") as stage, ExitStack() as stack:
            taken = take_turns(stage.taking(), rounds=_ROUNDS)
            try:
                port: int | None = stack.enter_context(nginx(folder / "instead-nginx", stage.audio.parent))
            except FileNotFoundError:
                port = None
            heard = take_turns(stage.hearing(port), rounds=_ROUNDS)
    except FileNotFoundError as error:
        print_skipped("vault / plain handler", f"there is no Ceph gateway: {error}")
        return
    bare = {name: [Sample(value=one.value, more={}) for one in samples] for name, samples in taken.items()}
    print_raw(bare, "s/GB of processor time", _TAKING)
    print_ratio(bare, "vault", "plain handler")
    for name, samples in taken.items():
        print_worst(f"memory that {name} grew by", _grown(samples), unit=" MiB")
    print_raw(heard, "ms", _HEARING)
    for other in list(heard)[1:]:
        print_ratio(heard, "vault's session", other)


def _grown(samples: Sequence[Sample]) -> Sequence[float]:
    return [max(0.01, sample.more["grown"]) for sample in samples]


@contextmanager
def _staged(sizes: Sizes, folder: Path) -> Iterator[_Stage]:
    audio = folder / "clear" / "audio.wav"
    with ExitStack() as stack:
        url = stack.enter_context(gateway(folder / "ceph"))
        audio.parent.mkdir()
        _write(audio, sizes.instead)
        s3 = boto3.client("s3", endpoint_url=url)
        s3.create_bucket(Bucket=BUCKET)
        store = f"s3://{BUCKET}/vault?endpoint_url={url}"
        config = {"data_dir": str(folder / "vault"), "database_url": "sqlite", "objects_url": store}
        vault = stack.enter_context(fresh_child("bench.server", scene="instead", **config))
        plain = stack.enter_context(fresh_child("bench.plain_handler", endpoint=url, bucket=BUCKET))
        client = stack.enter_context(child("bench.client"))
        served = vault.answer()
        yield _Stage(
            client=client, vault=vault, vault_port=served["ports"]["vault"], bearer=served["bearer"],
            plain=plain, plain_port=plain.answer()["port"], audio=audio, s3=s3,
        )  # fmt: skip


def _write(audio: Path, size: int) -> None:
    block = secrets.token_bytes(1_000_000)
    with audio.open("wb") as clear:
        for _ in range(size // len(block)):
            clear.write(block)
