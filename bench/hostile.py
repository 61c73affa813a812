"""``python -m bench.hostile [--rounds N]``: how long others wait while a server is attacked with single requests.

A server of its own on loopback, as ``callvault serve`` runs it. Each attack is one request that once kept the event
loop busy for seconds, or 5,000 of them: twenty rounds of ranges are a session of 100,000. While it runs, ``/healthz``
is asked every few milliseconds; its worst latency is printed. To add an attack, write a function that takes a
``Target`` and returns the status, and name it in ``ATTACKS``.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers.ports import free_ports
from tests.support.unlimited import UNLIMITED

#: Milliseconds that /healthz may take on a quiet machine.
AIM = 500
_PATIENCE = 120.0
_PAUSE = 0.005
_RANGES = 5000
_SAMPLE = Path(__file__).parents[1] / "vault" / "audio" / "sample" / "call.wav"


@dataclass(frozen=True, slots=True)
class Target:
    """A running server, and an API key with every scope."""

    port: int
    key: str

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> int:
        """Send one request on a connection of its own and return the status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Listener:
    """A session that is open: its audio, its cookie, and the history of what it hears."""

    audio: str
    cookie: str
    history: str


@cache
def _listener(target: Target) -> Listener:
    """Upload a recording, wait for it, and open a link to it."""
    api = httpx.Client(base_url=f"http://127.0.0.1:{target.port}", headers=_json(target), timeout=_PATIENCE)
    with api:
        account = "/v1/accounts/a"
        api.patch(f"{account}/consent-policy", json={"missing_evidence": "accept", "reason": "a benchmark"})
        sent = {"Content-Type": "audio/wav"}
        put = api.put(f"{account}/calls/c/recordings/r", content=_SAMPLE.read_bytes(), headers=sent)
        recording = f"{account}/recordings/{put.json()['id']}"
        while api.get(recording).json()["state"] != "available":
            time.sleep(0.1)
        link = api.post(f"{recording}/links", json={"listener": "bench"}).json()
        opened = api.post(f"{httpx.URL(link['url']).path}/open")
    cookie = opened.headers["set-cookie"].partition(";")[0]
    return Listener(f"{opened.headers['location']}/audio", cookie, f"{recording}/history")


def _webhook(target: Target) -> int:
    """A JSON string of 64 KiB that never ends, without any credential."""
    return target.send("POST", "/webhooks/aircall/nobody", b'"' + b'\\"' * 32_700)


def _cookie(target: Target) -> int:
    """A cookie of 60 KB to unquote, without any credential."""
    return target.send("GET", "/s/x/state", Cookie='a="' + "\\" * 60_000 + '"')


def _key(target: Target) -> int:
    """A genuine RSA key of 19,630 bits, made of two Mersenne primes, as a connection's credentials."""
    private = {"signature_secret": "s" * 32, "application_id": "a", "private_key": _LARGE_KEY}
    wish = {"provider": "vonage", "credentials": private, "previous_credentials": private}
    body = json.dumps(wish).encode()
    return target.send("PUT", "/v1/accounts/a/connections/main", body, **_json(target))


def _ranges(target: Target) -> int:
    """A session's 5,000 requests for one byte, on one connection, and the history of what they got."""
    listener = _listener(target)
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=_PATIENCE)
    try:
        for _ in range(_RANGES):
            connection.request(
                "GET", listener.audio, headers={"Range": "bytes=0-0", "Cookie": listener.cookie}
            )
            answer = connection.getresponse()
            answer.read()
    finally:
        connection.close()
    target.send("GET", listener.history, **_json(target))
    return answer.status


#: Attacks by name.
ATTACKS: Mapping[str, Callable[[Target], int]] = {
    "webhook of 64 KiB": _webhook,
    "cookie of 60 KB": _cookie,
    "RSA key of 19,630 bits": _key,
    "session of 5,000 ranges": _ranges,
}


def main() -> None:
    """Run every attack so many times and print the worst latency of /healthz during each."""
    parser = argparse.ArgumentParser(prog="python -m bench.hostile", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="callvault-hostile-") as folder, _server(Path(folder)) as target:
        target.send("PUT", "/v1/accounts/a", b"{}", **_json(target))
        print(f"{'nothing':>24}  worst /healthz {_worst(lambda: time.sleep(1), target):7.1f} ms", flush=True)
        for name, attack in ATTACKS.items():
            statuses: set[int] = set()

            def attacked(attack: Callable[[Target], int] = attack, seen: set[int] = statuses) -> None:
                seen.update(attack(target) for _ in range(rounds))

            worst = _worst(attacked, target)
            verdict = "met" if worst <= AIM else "MISSED"
            answers = ", ".join(map(str, sorted(statuses)))
            print(f"{name:>24}  worst /healthz {worst:7.1f} ms in {rounds} rounds, aim <= {AIM}: {verdict}"
                  f"  (answered {answers})", flush=True)  # fmt: skip


def _worst(work: Callable[[], None], target: Target) -> float:
    """Return the worst latency of /healthz while ``work`` runs, in milliseconds."""
    thread, worst = threading.Thread(target=work), 0.0
    thread.start()
    while thread.is_alive():
        asked = time.perf_counter()
        target.send("GET", "/healthz")
        worst = max(worst, time.perf_counter() - asked)
        time.sleep(_PAUSE)
    thread.join()
    return worst * 1000


def _json(target: Target) -> dict[str, str]:
    return {"Authorization": f"Bearer {target.key}", "Content-Type": "application/json"}


def _large_key() -> str:
    p, q, e = 2**9941 - 1, 2**9689 - 1, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


_LARGE_KEY = _large_key()


@contextmanager
def _server(folder: Path) -> Iterator[Target]:
    """Run a server with data of its own until the end of the block."""
    (port,) = free_ports(1)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", str(Path(__file__).parents[1])),
        "VAULT_DATA_DIR": str(folder / "data"),
        "VAULT_PUBLIC_URL": f"http://127.0.0.1:{port}",
        **UNLIMITED,
    }
    command = [sys.executable, "-m", "vault"]
    create = [*command, "keys", "create", "--name", "bench", "--scopes", "*"]
    made = subprocess.run(create, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    target = Target(port, made.stdout.strip())
    with (folder / "log").open("wb") as log:
        serve = [*command, "serve", "--port", str(port)]
        server = subprocess.Popen(serve, env=environment, stdout=log, stderr=log)  # noqa: S603 - our own
        try:
            _wait_for(target)
            yield target
        finally:
            server.terminate()
            server.wait(_PATIENCE)


def _wait_for(target: Target) -> None:
    """Wait until the server is ready. Raises RuntimeError if it never is."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            if target.send("GET", "/readyz") == http.client.OK:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("The server did not become ready.")


if __name__ == "__main__":
    main()
