"""Rotating an account's key beside a running server: by REST and by the command, with the statement at the end.

``callvault backup``: beside a running server that goes on writing, and put back afterwards.
"""

import base64
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.servers.vault_process import VaultProcess, vault_process
from tests.support.read_below import read_below
from tests.support.tenant import Tenant, tone
from vault.domain.stored.manifest import decode_manifest
from vault.tlog.key_statement import open_statement
from vault.tlog.note import parse_verifier

FACTS = {
    "direction": "inbound",
    "from": "+14155550123",
    "to": "+14155550187",
    "started_at": "2026-01-31T09:00:00Z",
}


def wrapped_keys(server: VaultProcess, account_id: str) -> dict[str, bytes]:
    """Return the wrapped account keys and month keys of an account, from its rows."""
    with sqlite3.connect(f"file:{server.data_dir}/vault.db?mode=ro", uri=True) as database:
        versions = database.execute(
            "SELECT version, wrapped_key FROM account_keys WHERE account_id = ?", (account_id,)
        )
        found = {f"version {version}": wrapped for version, wrapped in versions.fetchall()}
        keys = database.execute("SELECT id, wrapped_key FROM month_keys WHERE account_id = ?", (account_id,))
        found |= dict(keys.fetchall())
    database.close()
    return found


def places(folder: Path, needle: bytes) -> list[str]:
    """Return the files that hold these bytes, as they are or in base64."""
    spelled = (needle, base64.b64encode(needle))
    return [path.name for path, body in read_below(folder).items() if any(one in body for one in spelled)]


def test_a_rotation_from_its_begin_to_the_statement(server: VaultProcess, tenant: Tenant):
    """Everything plays on, the statement verifies with the log's public key, and the old keys are in no file."""
    recordings = [tenant.uploaded(tone(0.3), ref=f"rec-{n}") for n in range(3)]
    account_id = tenant.http.get(tenant.url()).json()["id"]
    old = wrapped_keys(server, account_id)
    months = {*old} - {"version 1"}
    assert len(months) == 2
    assert all(places(server.data_dir, wrapped) for wrapped in old.values())

    url = tenant.url("/key-rotation")
    begun = tenant.http.post(url)
    assert (begun.status_code, begun.json()["version"]) == (202, 2)
    assert tenant.http.post(url).json()["reasons"] == ["rotation_under_way"]
    assert tenant.http.get(url + "/statements/1").status_code == 404
    done = server.command("rotate", tenant.name)
    assert done.returncode == 0, done.stderr
    assert "Version 1 is destroyed." in done.stderr

    key = parse_verifier(tenant.http.get("/v1/access-log/key").text.strip())
    statement = open_statement(done.stdout.encode(), [key])
    assert (statement.owner, statement.version, statement.recordings) == (account_id, 1, 0)
    assert tenant.http.get(url + "/statements/1").text == done.stdout
    (gone,) = tenant.http.get(url).json()["before"]
    assert (gone["version"], gone["rewrapped"], "remaining" in gone) == (1, 2, False)
    for recording in recordings:
        assert tenant.http.get(tenant.url(f"/recordings/{recording}/audio")).content == tone(0.3)
        manifest = server.data_dir / "objects" / "manifests" / account_id / f"{recording}.json"
        assert decode_manifest(manifest.read_bytes()).keys.month_key in months
    assert set(wrapped_keys(server, account_id)) == {"version 2", *months}
    for name, wrapped in old.items():
        assert places(server.data_dir, wrapped) == [], name
    assert {"key.rotated", "key.rewrapped", "key.destroyed"} <= set(tenant.types())


@contextmanager
def closing_server(server: VaultProcess) -> Iterator[None]:
    """Stop the server at the end of the block, if it runs."""
    try:
        yield
    finally:
        if server.running is not None:
            server.stop()


@pytest.mark.faults
def test_the_root_key_is_left_for_another(tmp_path: Path):
    """On both keys, then `callvault rotate --root`, then on the new one alone; the old file is needed no more."""
    server = VaultProcess(tmp_path)
    with closing_server(server.start()):
        headers = {"Authorization": f"Bearer {server.create_key()}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
            tenant = Tenant.open(client)
            recording = tenant.uploaded(tone(0.3))
            server.stop()
            old, new = server.data_dir / "root.key", tmp_path / "new.key"
            server.settings = {
                "VAULT_ROOT_KEY_URL": f"file://{new}",
                "VAULT_PREVIOUS_ROOT_KEY_URL": f"file://{old}",
            }
            server.start()
            heard = client.get(tenant.url(f"/recordings/{recording}/audio")).content
            left = server.command("rotate", "--root")
            assert (left.returncode, heard) == (0, tone(0.3)), left.stderr
            key = parse_verifier(client.get("/v1/access-log/key").text.strip())
            statement = open_statement(left.stdout.encode(), [key])
            assert (statement.version, statement.recordings) == (1, 0)
            server.stop()
            old.unlink()
            server.settings = {"VAULT_ROOT_KEY_URL": f"file://{new}"}
            server.start()
            assert client.get(tenant.url(f"/recordings/{recording}/audio")).content == tone(0.3)
            again = server.command("rotate", "--root")
            assert (again.returncode, again.stdout) == (1, "")
            assert "VAULT_PREVIOUS_ROOT_KEY_URL" in again.stderr
            assert server.command("rotate").returncode == 1


def await_manifests(server: VaultProcess) -> None:
    """Wait until every manifest is written: the copy must not be older than an object beside it."""
    deadline = time.monotonic() + 30
    with closing(sqlite3.connect(f"file:{server.data_dir}/vault.db?mode=ro", uri=True)) as looking:
        while looking.execute("SELECT count(*) FROM recordings WHERE manifest_due").fetchone() != (0,):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_backup_beside_a_writing_server_can_be_put_back(tmp_path: Path):
    """The server acknowledges writes before, during and after; what was there before is there afterwards."""
    copy, stop, codes = tmp_path / "copy.db", threading.Event(), []
    with vault_process(tmp_path / "v") as server:
        headers = {"Authorization": f"Bearer {server.create_key()}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
            tenant = Tenant.open(client)
            tenant.uploaded(tone(0.5))

            def write() -> None:
                while not stop.is_set():
                    # Not the recording's call: its facts would change a manifest after the copy.
                    path = tenant.url(f"/calls/other-{len(codes)}")
                    codes.append(client.put(path, json=FACTS).status_code)

            await_manifests(server)
            writing = threading.Thread(target=write)
            writing.start()
            try:
                made = server.command("backup", str(copy))
                during = len(codes)
                server.create_key()
            finally:
                stop.set()
                writing.join()
        assert server.stop() == 0
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith(f"{copy.stat().st_size} bytes in {copy}.")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert during > 1
    assert set(codes) <= {200, 201}
    again = server.command("backup", str(copy))
    assert (again.returncode, again.stdout) == (1, "")
    assert "exists already" in again.stderr
    for path in server.data_dir.glob("vault.db*"):
        path.unlink()
    shutil.copy(copy, server.data_dir / "vault.db")
    checked = server.command("fsck", "--sample", "10")
    assert checked.returncode == 0, checked.stdout
    assert "1 recordings opened whole: 0 findings" in " ".join(checked.stdout.split())


def test_postgresql_is_refused_with_its_own_tool(tmp_path: Path):
    """In one sentence, without asking the database."""
    server = VaultProcess(tmp_path, {"VAULT_DATABASE_URL": "postgresql://vault@127.0.0.1:9/vault"})
    refused = server.command("backup", str(tmp_path / "copy.db"))
    (line,) = refused.stderr.splitlines()
    assert "pg_dump" in line
    assert refused.returncode == 1
    assert not (tmp_path / "copy.db").exists()
