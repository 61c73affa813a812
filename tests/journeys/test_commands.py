"""The command line: setting up, acting beside a running server, refusing to start where it would harm.

The operator closes an account by the command: it wants the name typed, and shows how far it is.
"""

import hashlib
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.servers.ports import free_ports
from tests.servers.vault_process import VaultProcess, vault_process
from tests.support.tenant import Tenant, tone

KEY = re.compile(r"cv_[0-9a-f]{32}_[A-Za-z0-9_-]{43}\n")


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with one recording in it, whose server has ended."""
    folder = tmp_path_factory.mktemp("k")
    with vault_process(folder) as server:
        headers = {"Authorization": f"Bearer {server.create_key()}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
            Tenant.open(client).uploaded(tone(0.5))
        assert server.stop() == 0
    return folder / "data"


@pytest.fixture
def stopped(kept: Path, tmp_path: Path) -> Iterator[VaultProcess]:
    """A copy of that data directory, and a server that does not run."""
    server = VaultProcess(tmp_path)
    shutil.copytree(kept, server.data_dir)
    yield server
    assert server.running is None


def test_keys_create_sets_up_an_empty_directory(tmp_path: Path):
    """The key stands alone on standard output; schema and root key are there, for their owner alone."""
    server = VaultProcess(tmp_path)
    made = server.command("keys", "create", "--name", "first", "--scopes", "recordings:read, ingest")
    assert made.returncode == 0
    assert KEY.fullmatch(made.stdout)
    assert made.stdout.strip() not in made.stderr
    for name in ("vault.db", "root.key"):
        assert (server.data_dir / name).stat().st_mode & 0o777 == 0o600
    wrong = server.command("keys", "create", "--name", "second", "--scopes", "everything")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "scopes must contain at least one of" in wrong.stderr


def test_keys_create_reaches_a_running_server(server: VaultProcess, tenant: Tenant):
    """Through the control socket: the key works immediately, for its account and its scopes alone."""
    text = server.create_key("--account", tenant.name, scopes="recordings:read")
    headers = {"Authorization": f"Bearer {text}"}
    assert httpx.get(server.url + tenant.url(), headers=headers).status_code == 200
    assert httpx.put(server.url + tenant.url(), headers=headers, json={}).status_code == 403
    assert httpx.get(f"{server.url}/v1/accounts/other", headers=headers).status_code == 404
    assert (server.data_dir / "control.sock").stat().st_mode & 0o077 == 0
    unknown = server.command("keys", "create", "--name", "n", "--scopes", "*", "--account", "nobody")
    assert (unknown.returncode, unknown.stdout) == (1, "")


def test_a_second_server_refuses(server: VaultProcess):
    """One data directory has one server: the second ends with status 2 and one sentence."""
    second = server.command("serve", "--port", str(free_ports(1)[0]))
    assert second.returncode == 2
    assert second.stderr.splitlines()[-1].startswith("callvault does not start: Another process holds")
    assert "Traceback" not in second.stderr
    assert httpx.get(f"{server.url}/readyz").status_code == 200


def test_a_wrong_root_key_refuses_and_touches_nothing(stopped: VaultProcess, tmp_path: Path):
    """Every file is what it was, byte for byte, and there is not one more."""
    elsewhere = VaultProcess(tmp_path / "other")
    elsewhere.create_key()
    shutil.copy2(elsewhere.data_dir / "root.key", stopped.data_dir / "root.key")
    before = hashes(stopped.data_dir)
    for arguments in (
        ("serve", "--port", str(stopped.port)),
        ("keys", "create", "--name", "n", "--scopes", "*"),
    ):
        refused = stopped.command(*arguments)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "The root key is not the one" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert hashes(stopped.data_dir) == before


def test_a_broken_root_key_refuses_and_stays(stopped: VaultProcess):
    """A file that is no root key is not replaced."""
    (stopped.data_dir / "root.key").write_bytes(b"")
    before = hashes(stopped.data_dir)
    assert stopped.command("serve", "--port", str(stopped.port)).returncode == 2
    assert hashes(stopped.data_dir) == before


def test_a_missing_root_key_is_never_replaced(stopped: VaultProcess):
    """Without its key the vault does not start, and makes no new one."""
    (stopped.data_dir / "root.key").unlink()
    before = hashes(stopped.data_dir)
    refused = stopped.command("serve", "--port", str(stopped.port))
    assert refused.returncode == 2
    assert "missing" in refused.stderr
    assert hashes(stopped.data_dir) == before


def test_a_new_database_over_another_vaults_objects_refuses(stopped: VaultProcess, tmp_path: Path):
    """The owner marker keeps two vaults from sweeping each other's objects away."""
    objects = stopped.data_dir / "objects"
    before = hashes(objects)
    other = VaultProcess(tmp_path / "other", {"VAULT_OBJECTS_URL": f"file://{objects}"})
    refused = other.command("serve", "--port", str(other.port))
    assert refused.returncode == 2
    assert "belongs to another vault" in refused.stderr
    assert hashes(objects) == before


def test_a_wrong_setting_is_one_sentence(tmp_path: Path):
    """The variable is named, and nothing starts."""
    refused = VaultProcess(tmp_path).command("serve", "--port", "1", VAULT_NONSENSE="1")
    assert refused.returncode == 2
    assert "VAULT_NONSENSE" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_data_directory_too_deep_for_its_socket_refuses(tmp_path: Path):
    """A path that no socket can have is a sentence, and not a traceback."""
    server = VaultProcess(tmp_path / ("d" * 100))
    refused = server.command("serve", "--port", str(server.port))
    assert refused.returncode == 2
    assert "control socket" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_taken_port_ends_the_server(server: VaultProcess, tmp_path: Path):
    """Another data directory on the same port: it ends with an error, and the first serves on."""
    other = VaultProcess(tmp_path)
    assert other.command("serve", "--port", str(server.port)).returncode not in (0, None)
    assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_the_demonstration_runs_twice_on_one_directory(tmp_path: Path):
    """Each run prints a key, a link and the hash of what will be heard, and ends by itself."""
    server = VaultProcess(tmp_path)
    for _ in range(2):
        shown = server.command("demo", "--once", "--port", str(server.port))
        assert shown.returncode == 0, shown.stderr
        lines = dict(
            line.strip().split("  ", 1) for line in shown.stdout.splitlines() if "  " in line.strip()
        )
        assert KEY.fullmatch(lines["admin key"] + "\n")
        assert lines["listen"].startswith(f"{server.url}/p/")
        assert lines["described"] == "pcm_mulaw, 2 channels, 34.0 s"
    # A run may end before the manifest of its recording is due; the next one writes it.
    assert len(list((server.data_dir / "objects" / "recordings").rglob("*.audio"))) == 2


def test_a_stray_object_does_not_stop_the_worker(kept: Path, tmp_path: Path):
    """A file that nobody knows among the manifests and recordings: the sweep passes it by, work goes on."""
    folder = tmp_path / "s"
    shutil.copytree(kept, folder / "data")
    for path in ("manifests/stray", "recordings/stray", "manifests/a/b/c/d.json"):
        (folder / "data/objects" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "data/objects" / path).write_bytes(b"stray")
    with vault_process(folder) as server:
        headers = {"Authorization": f"Bearer {server.create_key()}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
            Tenant.open(client).uploaded(tone(0.5))
    assert b"worker.failed" not in (folder / "server.log").read_bytes()


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


@pytest.mark.timeout(600)
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
