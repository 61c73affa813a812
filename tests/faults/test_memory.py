"""A gigabyte goes through the service in constant memory, and nothing readable of it is left anywhere."""

import base64
import os
import secrets
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from tests.faults.inside import files_below, inside, rows
from tests.faults.server import MortalVault, vault_process
from tests.servers.forked import cold
from tests.servers.media_thread import MediaThread
from tests.support.counts import count
from tests.support.raw_client import Client, ask
from tests.support.slow_media import flow
from tests.support.telephone_audio import repeated
from vault.domain.stored import encryption_context as bound
from vault.sealing.wrapping import unwrap

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

_MB = 1_000_000
_GROWTH = 20 * _MB
#: 64 bytes that nothing else contains, 16 samples of both channels.
_MARKER = b"callvault-marker-audio:" + secrets.token_hex(20).encode() + b"!"
_NUMBERS = ("+14155550171", "+442079460958")
_AGENT = "Marigold Quintessa"
# So that the answers, which hold secrets, are kept.
_ONCE, _ONCE_MORE = {"Idempotency-Key": "faults-1"}, {"Idempotency-Key": "faults-2"}


def _mb(size: int) -> int:
    return 44 + size * _MB


def _peak(pid: int) -> int:
    """Return the peak memory of the process since the last reset, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError


def _reset_peak(pid: int) -> int:
    """Make the peak begin again (proc(5), clear_refs 5), and return where it begins."""
    # Linux lets root alone do this to a process that holds keys; others see the peak since its start.
    with suppress(PermissionError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _peak(pid)


class _Scan:
    """Looks for needles in everything that the service left on disk."""

    def __init__(self, server: MortalVault) -> None:
        self.server = server
        self.needles: dict[str, bytes] = {"marker": _MARKER, "marker, shifted": _MARKER[1:] + _MARKER[:1]}
        self.bytes = 0

    def add_secret(self, name: str, secret: bytes) -> None:
        """Look for a secret as it is, in both kinds of hex and in every base64."""
        self.needles |= {
            name: secret,
            f"{name}, hex": secret.hex().encode(),
            f"{name}, HEX": secret.hex().upper().encode(),
            f"{name}, base64": base64.b64encode(secret).rstrip(b"="),
            f"{name}, base64url": base64.urlsafe_b64encode(secret).rstrip(b"="),
        }

    def add_text(self, name: str, text: str) -> None:
        """Look for a text as it is, and as JSON, a URL or base64 would have it."""
        self.add_secret(name, text.encode())
        self.needles[f"{name}, quoted"] = urllib.parse.quote(text, safe="").encode()

    def found(self, *folders: Path) -> list[str]:
        """Return what was found, and in which file."""
        found = []
        for folder in folders:
            for name, path in files_below(folder).items():
                found += [f"{needle} in {name}" for needle in self._in_file(path)]
        return found

    def found_while_it_runs(self) -> list[str]:
        """Look into files that are being written, and into those that have no name any more."""
        found = self.found(self.server.data_dir, self.server.temporary)
        for link in self._descriptors():
            try:
                if " (deleted)" in str(link.readlink()):
                    found += self._in_file(link)
            except FileNotFoundError:
                continue
        return found

    def _descriptors(self) -> list[Path]:
        """Return the open files of the server; Linux shows them to root alone."""
        try:
            return list(Path(f"/proc/{self.server.pid}/fd").iterdir())
        except PermissionError:
            assert os.geteuid(), "Root sees them."
            return []

    def _in_file(self, path: Path) -> list[str]:
        longest = max(map(len, self.needles.values()))
        found, before = set(), b""
        try:
            with path.open("rb") as file:
                while block := file.read(8 << 20):
                    self.bytes += len(block)
                    window = before + block
                    found |= {name for name, needle in self.needles.items() if needle in window}
                    before = window[-longest:]
        except FileNotFoundError:
            return []
        return sorted(found)


def test_memory_stays_flat_and_nothing_readable_is_left(folder: Path, media: MediaThread) -> None:
    """Uploads and webhooks of two sizes add at most 20 MB to the peak, and a search finds nothing."""
    large = count("megabytes of the large recordings", small=64, full=1000)
    small = count("megabytes of the small recordings", small=16, full=100)
    settings = {"VAULT_MEDIA_ALLOW": media.authority, "VAULT_LOG_LEVEL": "DEBUG"}
    with cold(), vault_process(folder, **settings) as (server, client):
        scan = _Scan(server)
        _ingest(server, client, media, "warm", 8, scan)
        growth = {}
        for size in (small, large):
            growth[size] = _ingest(server, client, media, f"of-{size}", size, scan)
        _use_everything(client, scan)
        print("growth of the peak in MB (upload, webhook):", growth)
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        peaks = [round(_peak(int(pid)) / _MB) for pid in children]
        print(f"peak of the server {_peak(server.pid) // _MB} MB, of its describers {peaks} MB")
        server.kill()
    _add_keys(server, scan)
    found = scan.found(server.data_dir, server.temporary) + scan._in_file(server.log)
    print(f"{len(scan.needles)} needles, {scan.bytes} bytes searched; {len(server.logged())} bytes of log")
    assert not found
    # The search does find: what lies in the root key's own file, apart from the data.
    assert "root key, base64 in root.key" in scan.found(server.folder / "root")
    assert max(one for pair in growth.values() for one in pair) * _MB <= _GROWTH


def _ingest(  # noqa: PLR0917 - it is called in one way
    server: MortalVault, client: Client, media: MediaThread, ref: str, megabytes: int, scan: _Scan
) -> tuple[float, float]:
    """Upload one recording and announce another; return by how many MB each made the peak grow."""
    size, grown = _mb(megabytes), []
    path = f"/{secrets.token_urlsafe(24)}.wav"
    scan.add_text(f"media URL of {ref}", path)
    url = media.on(path, flow(size, repeated(size, _MARKER)))
    facts = {"from": _NUMBERS[0], "to": _NUMBERS[1], "agent": _AGENT, "direction": "inbound"}
    for way in ("upload", "webhook"):
        begin = _reset_peak(server.pid)
        if way == "upload":
            said = client.put(
                f"{ref}-put", _looked_at(repeated(size, _MARKER), megabytes // 2, scan), size, timeout=900
            )
            assert said.status == 201, said.body
            recording_id = said.json["id"]
        else:
            said = client.announce(f"{ref}-hook", url, **facts)
            assert said.status == 202
            recording_id = said.json["recording"]
        described = client.wait_for(recording_id, seconds=900)
        assert (described["bytes"], described["codec"], described["channels"]) == (size, "pcm_s16le", 2)
        assert not described["flags"]["damaged"]
        grown.append(round((_peak(server.pid) - begin) / _MB, 1))
    return grown[0], grown[1]


def _looked_at(blocks: Iterator[bytes], at: int, scan: _Scan) -> Iterator[bytes]:
    """Pass blocks on; in the middle of them, look at what the service has on disk at that moment."""
    for number, block in enumerate(blocks):
        if number == at:
            assert not scan.found_while_it_runs()
        yield block


def _use_everything(client: Client, scan: _Scan) -> None:
    """Make a key, a link and a session, ask for numbers, and remember every secret that this gave out."""
    scan.add_text("API key", client.key)
    scan.add_text("API key's secret", client.key.split("_", 2)[-1])
    scan.add_secret("webhook secret", base64.b64decode(client.secret.removeprefix("whsec_")))
    scan.add_text("webhook secret as text", client.secret)
    for number in _NUMBERS:
        scan.add_text(f"number {number}", number)
        scan.add_text(f"number {number} without plus", number[1:])
    scan.add_text("agent", _AGENT)
    made = client.rest("POST", "/v1/keys", {"name": "second", "scopes": ["recordings:read"]}, headers=_ONCE)
    assert made.status == 201
    scan.add_text("second API key", made.json["key"])
    found = client.rest("GET", f"{client.home}/recordings?number={urllib.parse.quote(_NUMBERS[0])}").json[
        "items"
    ]
    assert found
    recording_id = found[0]["id"]
    said = {"listener": "Perpetua Listener", "expires_in": 600}
    scan.add_text("listener", said["listener"])  # type: ignore[arg-type]
    link = client.rest("POST", f"{client.home}/recordings/{recording_id}/links", said, headers=_ONCE_MORE)
    assert link.status == 201
    token = urllib.parse.urlsplit(link.json["url"]).path.removeprefix("/p/")
    scan.add_text("link token", token)
    scan.add_secret("link token's bytes", base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    opened = ask(
        client.base, "POST", f"/p/{token}/open", b"", {"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert opened.status == 303
    (cookie,) = SimpleCookie(opened.headers["set-cookie"]).values()
    scan.add_text("session secret", cookie.value)
    heard = ask(
        client.base, "GET", f"{opened.headers['location']}/audio",
        headers={"Cookie": f"{cookie.key}={cookie.value}", "Range": "bytes=44-1043"},
    )  # fmt: skip
    assert heard.body == (_MARKER * 16)[:1000]


def _add_keys(server: MortalVault, scan: _Scan) -> None:
    """Remember every key that an operator with the root key can reach."""
    import asyncio  # noqa: PLC0415
    import json  # noqa: PLC0415

    root = json.loads((server.folder / "root" / "root.key").read_bytes())
    scan.add_secret("root key", base64.b64decode(root["key"]))

    async def look() -> Mapping[str, bytes]:
        found: dict[str, bytes] = {}
        async with inside(server) as opened:
            for account in rows(server, "SELECT id, wrapped_index_key FROM accounts"):
                key = (await opened.ring.version(account["id"], 1)).key
                found["account key"] = key.secret
                context = bound.of_index_key(account["id"])
                found["index key"] = unwrap(key, account["wrapped_index_key"], context)
        return found

    # Exported before the database is opened here: the command needs it too. It is the operator's own copy.
    for row in rows(server, "SELECT id FROM recordings WHERE state = 'available'"):
        exported = json.loads(server.command("export-key", row["id"]).stdout)
        scan.add_secret(f"key of {row['id']}", bytes.fromhex(exported["key_hex"]))
    for name, secret in asyncio.run(look()).items():
        scan.add_secret(name, secret)
