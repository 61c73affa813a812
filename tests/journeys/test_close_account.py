"""The operator closes an account by the command: it wants the name typed, and shows how far it is."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.servers.vault_process import VaultProcess, vault_process
from tests.support.tenant import Tenant, tone

pytestmark = pytest.mark.timeout(600)


def _close(
    server: VaultProcess, account: str, *more: str, typed: str = ""
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "vault", "accounts", "close", account, *more]
    return subprocess.run(
        command,
        env=server.environment,
        input=typed,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )


def test_an_account_is_closed_after_its_name_was_typed(tmp_path: Path):
    """Another name changes nothing; the command repeated tells when, and then follows to the receipt."""
    with vault_process(tmp_path) as server:
        headers = {"Authorization": f"Bearer {server.create_key()}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as http:
            tenant = Tenant.open(http)
            recording = tenant.uploaded(tone(0.5))
            name = http.get(tenant.url("")).json()["account"]
            why = ("--reason", "The contract has ended.")
            assert "--reason" in _close(server, name).stderr
            wrong = _close(server, name, *why, typed="another\n")
            assert wrong.returncode != 0
            assert "1 recordings and 0 calls" in wrong.stdout
            assert http.get(tenant.url("/closure")).status_code == 404
            asked = _close(server, name, *why, typed=f"{name}\n")
            assert asked.returncode == 0, asked.stderr
            assert f"{name} is closed at " in asked.stdout
            assert f"{name} is closed at " in _close(server, name).stdout
            with closing(
                sqlite3.connect(server.data_dir / "vault.db", isolation_level=None, timeout=10)
            ) as rows:
                rows.execute("UPDATE person_requests SET due_at = 1")
            done = _close(server, name)
            while "is closed at" in done.stdout:
                done = _close(server, name)
            assert "is closed. The receipt" in done.stdout, (done.stdout, done.stderr)
            assert tenant.get(recording)["state"] == "erased"
            closure = http.get(tenant.url("/closure")).json()
            receipt = http.get(tenant.url(f"/requests/{closure['id']}/receipt"))
            assert receipt.status_code == 200, receipt.text
