"""``callvault backup``: beside a running server that goes on writing, and put back afterwards."""

import shutil
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx

from tests.servers.vault_process import VaultProcess, vault_process
from tests.support.tenant import Tenant, tone

FACTS = {
    "direction": "inbound",
    "from": "+14155550123",
    "to": "+14155550187",
    "started_at": "2026-01-31T09:00:00Z",
}


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
