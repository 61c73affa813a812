"""Writes a small vault with the code of any commit, over HTTP and by its commands, as its users would.

Usage: ``python -m tests.golden.old_vault.make CHECKOUT ARCHIVE``. CHECKOUT is a checkout of that commit, for
example made by ``git worktree add ../old 8cda592``; its server runs with the Python that runs this. ARCHIVE is a
.tar.xz with the data directory (database, objects, root key) and ``known.json``, which has what must be known
of the vault for ever. A committed archive is never written again.
"""

import base64
import json
import secrets
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx

from tests.servers.forked import cold
from tests.servers.media_thread import MediaThread, media_thread
from tests.servers.vault_process import VaultProcess
from tests.support.notice_drafts import ELEMENTS, TEXT
from tests.support.tenant import Tenant, moment, open_link, tone

ACCOUNT, LISTENER = "acme", "Robin"
CALLER, CALLEE, OBJECTOR = "+12025550100", "+12025550199", "+12025550123"
PUBLIC_URL = "http://vault.example"
#: Every field, because later releases have no defaults; a recording waits in quarantine as long as it may.
POLICY = {
    "missing_evidence": "quarantine",
    "mode": "announce",
    "withdrawal": "restrict",
    "home_place": "US-DC",
    "quarantine_days": 365,
    "keys": {"accept": "1", "decline": "9", "object": None},
    "overrides": [],
    "reason": "an example",
}
NOTICE = {"language": "en", "audience": "caller", "mode": "announce", **ELEMENTS, "text": TEXT}
#: What becomes of each recording, in the order in which they arrive.
REFS = ("heard", "announced", "quarantined", "refused", "erased", "rotated")
PATIENCE = 60.0


def sound_of(ref: str) -> bytes:
    """Return the audio of a recording."""
    return tone(0.25, hertz=400.0 + 100 * REFS.index(ref))


def make(checkout: Path, archive: Path) -> None:
    """Write a vault with the code of a checkout, and pack it."""
    with tempfile.TemporaryDirectory(prefix="old") as made, media_thread() as media, cold():
        settings = {
            "PYTHONPATH": str(checkout),
            "PYTHONSAFEPATH": "1",
            "VAULT_PUBLIC_URL": PUBLIC_URL,
            "VAULT_MEDIA_ALLOW": media.authority,
        }
        server = VaultProcess(Path(made), settings)
        key = server.create_key()
        with httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=30) as http:
            known = _fill(server, http, media, key)
        (server.data_dir / "known.json").write_text(json.dumps(known, indent=2) + "\n")
        with tarfile.open(archive, "w:xz", preset=9) as packed:
            packed.add(server.data_dir, "vault", filter=_kept)


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out who made it, and what exists only while a server runs."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member if member.isfile() or member.isdir() else None


def _fill(server: VaultProcess, http: httpx.Client, media: MediaThread, key: str) -> dict[str, Any]:
    """Run the server while a platform, an admin and a listener use it; return what must be known."""
    server.start()
    try:
        http.base_url = httpx.URL(server.url)
        known: dict[str, Any] = {
            "api_key": key,
            "written_at": datetime.now(UTC).timestamp(),
            "recordings": {},
        }
        tenant, known["secret"], known["notice"] = _open(http)
        for ref in REFS[:-1]:
            known["recordings"][ref] = _take_in(tenant, media, known["notice"], ref)
        known["link"] = _listen(server, tenant, known["recordings"]["heard"]["id"])
        known["checkpoint_1"] = http.get("/v1/access-log/checkpoint").text
        rotated = server.command("rotate", ACCOUNT, patience=PATIENCE)
        assert rotated.returncode == 0, rotated.stderr
        known["statement"] = rotated.stdout
        known["recordings"]["rotated"] = _take_in(tenant, media, known["notice"], "rotated")
        _wait_for_objects(server, known["recordings"])
        known["account"], known["webhook"] = tenant.id, tenant.webhook_url
        known["log_key"] = http.get("/v1/access-log/key").text.strip()
        known["checkpoint_2"] = http.get("/v1/access-log/checkpoint").text
        known["events"] = tenant.events()
        known["evidence"] = http.get(
            tenant.url(f"/recordings/{known['recordings']['heard']['id']}/evidence")
        ).json()
        _wait(lambda: _published(server) >= int(known["checkpoint_2"].splitlines()[1]))
    finally:
        server.stop()
    return known


def _open(http: httpx.Client) -> tuple[Tenant, str, str]:
    """Open the account with its connection, policy, notice and objection; switch recording off and on."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    account = _done(http.put(f"/v1/accounts/{ACCOUNT}", json={"name": "Acme Limited", "locale": "en"}))
    said = {"provider": "platform", "credentials": {"secret": secret}}
    connection = _done(http.put(f"/v1/accounts/{ACCOUNT}/connections/main", json=said))
    webhook = connection["webhook_url"].removeprefix(PUBLIC_URL)
    tenant = Tenant(http, ACCOUNT, webhook, secret, account["id"])
    for enabled in (False, True):
        _done(http.put(tenant.url("/recording-switch"), json={"enabled": enabled, "reason": "an example"}))
    _done(http.put(tenant.url("/consent-policy"), json=POLICY))
    notice: str = _done(http.post(tenant.url("/notices"), json=NOTICE))["id"]
    _done(http.put(tenant.url(f"/notices/{notice}/audio"), content=tone(1.0)))
    _done(http.post(tenant.url(f"/notices/{notice}/publish")))
    _done(http.put(tenant.url(f"/objections/{OBJECTOR}"), json={"reason": "asked by letter"}))
    return tenant, secret, notice


def _take_in(tenant: Tenant, media: MediaThread, notice: str, ref: str) -> dict[str, str]:
    """Bring in one recording, and make of it what its name says; return its id and its audio's SHA-256."""
    now = moment(datetime.now(UTC))
    if ref not in {"quarantined", "refused"}:
        facts = {"direction": "inbound", "from": CALLER, "to": CALLEE, "agent": "Ada", "started_at": now}
        _done(tenant.http.put(tenant.url(f"/calls/call-{ref}"), json=facts))
        told = {
            "party": "caller",
            "event": "announced",
            "method": "announcement",
            "at": now,
            "notice": notice,
        }
        _done(tenant.http.post(tenant.url(f"/calls/call-{ref}/consent"), json=told))
    if ref == "announced":
        url = media.serve(f"/{ref}.wav", sound_of(ref))
        times = {"started_at": now, "ended_at": moment(datetime.now(UTC))}
        recording = _done(tenant.announce(url, call=f"call-{ref}", ref=ref, **times))["recording"]
    else:
        recording = _done(tenant.put(sound_of(ref), call=f"call-{ref}", ref=ref))["id"]
    path = tenant.url(f"/recordings/{recording}")
    tenant.wait(recording, "quarantined" if ref in {"quarantined", "refused"} else "available")
    if ref == "refused":
        _done(tenant.http.post(f"{path}/refusal", json={"reason": "an example"}))
    if ref == "announced":
        _done(tenant.http.put(f"{path}/restriction", json={"reason": "an example"}))
    if ref == "erased":
        assert tenant.http.delete(path).is_success
        tenant.wait(recording, "erased")
    return {"id": recording, "sha256": sha256(sound_of(ref)).hexdigest()}


def _listen(server: VaultProcess, tenant: Tenant, recording: str) -> str:
    """Share a recording, hear it as a browser does, and return the path of the link."""
    link = tenant.link(recording, listener=LISTENER, expires_in=86400, sessions=1000)
    path: str = link["url"].removeprefix(PUBLIC_URL)
    with httpx.Client(base_url=server.url) as browser:
        player = open_link(browser, path).headers["location"]
        assert browser.get(f"{player}/audio").content == sound_of("heard")
    _wait(lambda: "playback.end" in tenant.types(recording))
    return path


def _wait_for_objects(server: VaultProcess, recordings: dict[str, Any]) -> None:
    """Wait until the object store alone could bring back what it can bring back."""
    objects = server.data_dir / "objects"
    for ref in ("heard", "announced", "rotated"):
        _wait(lambda ref=ref: any(objects.glob(f"manifests/*/{recordings[ref]['id']}.json")))
    for ref in ("refused", "erased"):
        _wait(
            lambda ref=ref: any(
                recordings[ref]["id"] in path.read_text() for path in objects.glob("tombstones/*/*.json")
            )
        )


def _published(server: VaultProcess) -> int:
    """Return how many entries of the log the object store has."""
    checkpoint = server.data_dir / "objects" / "log" / "checkpoint"
    return int(checkpoint.read_text().splitlines()[1]) if checkpoint.exists() else 0


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "the vault does not finish its work"
        time.sleep(0.1)


def _done(answer: httpx.Response) -> dict[str, Any]:
    """Return the JSON of an answer that must be a success."""
    assert answer.is_success, answer.text
    return dict(answer.json())


if __name__ == "__main__":
    folder = Path(sys.argv[1]).absolute()
    where = [sys.executable, "-P", "-c", "import vault; print(vault.__file__)"]
    found = subprocess.check_output(where, env={"PYTHONPATH": str(folder)}, text=True).strip()
    assert Path(found).is_relative_to(folder), f"{found} is not the code of {folder}"
    make(folder, Path(sys.argv[2]))
