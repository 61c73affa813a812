"""The database is lost, or an old copy of it is put back: a real server, its commands, and HTTP."""

import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.servers.postgresql import PostgresqlServer
from tests.servers.vault_process import VaultProcess
from tests.support.tenant import PATIENCE, Tenant, tone
from vault.objects.s3_client import connect
from vault.tlog.log_file import read_head, verify_log

pytestmark = pytest.mark.faults

SOUNDS = {f"rec-{n}": tone(0.3, hertz=300 + 100 * n) for n in range(4)}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[VaultProcess]:
    """A vault whose server runs when the test says so."""
    (tmp_path / "v").mkdir()
    made = VaultProcess(tmp_path / "v")
    yield made
    if made.running is not None:
        made.stop()


@contextmanager
def client_of(server: VaultProcess, key: str) -> Iterator[httpx.Client]:
    """Open a client with an admin's key."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        yield client


def rows(server: VaultProcess, query: str) -> list[tuple[object, ...]]:
    """Ask the database behind the server's back, and change it."""
    url = server.settings.get("VAULT_DATABASE_URL")
    if url is not None:
        with psycopg.connect(url, autocommit=True) as connection:
            asked = connection.execute(query)  # type: ignore[arg-type]
            return asked.fetchall() if asked.description else []
    path = server.data_dir / "vault.db"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
        return connection.execute(query).fetchall()


def wait_until_written(server: VaultProcess) -> None:
    """Stop the server once all that is due lies in the object store, the log up to its end too."""
    due = (
        "SELECT (SELECT count(*) FROM recordings WHERE manifest_due OR state = 'erasing'), "
        "(SELECT count(*) FROM accounts WHERE revision <> written_revision), "
        "(SELECT size FROM tree_head) - (SELECT coalesce(max(size), 0) FROM checkpoints WHERE anchored_at IS NOT NULL)"
    )
    deadline = time.monotonic() + PATIENCE
    while rows(server, due) != [(0, 0, 0)]:
        assert time.monotonic() < deadline, rows(server, due)
        time.sleep(0.2)
    server.stop()


def remove_database(server: VaultProcess) -> None:
    """Lose it."""
    for file in server.data_dir.glob("vault.db*"):
        file.unlink()


def plays(tenant: Tenant, recording: str) -> bytes:
    """Return what is heard."""
    answer = tenant.http.get(tenant.url(f"/recordings/{recording}/audio"))
    assert answer.status_code == 200, answer.text
    return answer.content


def check_restored(
    server: VaultProcess, tenant: Tenant, ids: dict[str, str], switch: dict[str, object], earlier: bytes
) -> None:
    """Every recording plays, byte for byte; what is erased or refused stays so; the switch is where it was."""
    with client_of(server, server.create_key()) as client:
        again = Tenant(client, tenant.name, tenant.webhook_url, tenant.secret, tenant.id)
        for ref in ("rec-0", "rec-2", "rec-3"):
            assert plays(again, ids[ref]) == SOUNDS[ref]
        assert again.get(ids["rec-1"])["state"] == "erased"
        gone = again.url(f"/recordings/{ids['rec-1']}")
        assert client.get(f"{gone}/audio").status_code == 404
        assert client.delete(gone).status_code == 410
        assert again.get(ids["refused"])["state"] == "refused"
        assert client.get(again.url("/recording-switch")).json() == switch
        # It was refused for good, no matter who sends it once more.
        assert again.put(tone(0.3), ref="refused").status_code == 409
        assert client.get(again.url("/recordings"), params={"state": "quarantined"}).json()["items"] == []
        # The log goes on from where it was: a checkpoint from before the loss fits.
        whole = client.get(
            again.url("/access-log/export"), params={"earlier": earlier.split(b"\n")[1].decode()}
        )
        lines = iter(whole.content.splitlines(keepends=True))
        head = read_head(lines)
        verify_log(lines, head.note, [head.verifier], version=head.version, earlier=[earlier])


def filled(tenant: Tenant, careful: Tenant) -> dict[str, str]:
    """Bring in recordings of every fate; return their ids by their names."""
    ids = {ref: tenant.uploaded(sound, call=f"call-{ref}", ref=ref) for ref, sound in SOUNDS.items()}
    waiting = careful.put(tone(0.3), call="call-q", ref="quarantined")
    ids["quarantined"] = waiting.json()["id"]
    careful.wait(ids["quarantined"], "quarantined")
    tenant.switch(enabled=False)
    assert tenant.put(tone(0.3), call="call-r", ref="refused").status_code == 409
    [refused] = tenant.http.get(tenant.url("/recordings"), params={"state": "refused"}).json()["items"]
    ids["refused"] = refused["id"]
    tenant.switch(enabled=True)
    return ids


def check_recovery(server: VaultProcess, tenant: Tenant, recording: str) -> None:
    """Nothing is served and nothing is taken in; each answer says so, and when to come again."""
    with httpx.Client(base_url=server.url, timeout=10) as anyone:
        asked = [
            anyone.get("/readyz"),
            anyone.get(f"/v1/accounts/{tenant.name}/recordings/{recording}/audio"),
            anyone.get("/p/" + "x" * 43),
            anyone.post(tenant.webhook_url, json={}),
            anyone.put(f"/v1/accounts/{tenant.name}/calls/c", json={}),
            anyone.put(f"/v1/accounts/{tenant.name}/calls/c/recordings/r", content=tone(0.1)),
        ]
        for answer in asked:
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
            assert "callvault restore" in answer.json()["detail"]
        assert anyone.get("/healthz").status_code == 200
    refused = server.command("keys", "create", "--name", "n", "--scopes", "*")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "recovery mode" in refused.stderr


def wait_until_open(server: VaultProcess) -> None:
    """Wait until the doors open."""
    deadline = time.monotonic() + PATIENCE
    while httpx.get(f"{server.url}/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def lose_and_restore(server: VaultProcess, lose: Callable[[], None]) -> None:
    """Fill a vault, lose its database, make it whole from the bucket alone, and look at everything."""
    server.start()
    with client_of(server, server.create_key()) as client:
        tenant, careful = Tenant.open(client), Tenant.open(client, policy={})
        ids = filled(tenant, careful)
        assert client.delete(tenant.url(f"/recordings/{ids['rec-1']}")).status_code == 202
        switch = tenant.switch(enabled=False)
        earlier = client.get("/v1/access-log/checkpoint").content
        wait_until_written(server)
    lose()
    refused = server.command("keys", "create", "--name", "n", "--scopes", "*")
    assert refused.returncode == 2
    assert "callvault restore" in refused.stderr
    restored = server.command("restore")
    assert restored.returncode == 0, restored.stderr
    assert "API keys and links are not restored" in restored.stdout
    assert "\n!" not in restored.stdout
    server.start()
    check_restored(server, tenant, ids, switch, earlier)


def test_the_database_is_lost(server: VaultProcess):
    """The bucket alone is enough: a server refuses to start a new vault over it, and a restore makes it whole."""
    lose_and_restore(server, lambda: remove_database(server))


def test_the_database_is_lost_on_postgresql_and_s3(
    server: VaultProcess, moto_url: str, postgresql_server: PostgresqlServer, migrated: str
):
    """The same there, in a bucket with versions; and nothing that was written again has left one behind."""
    bucket = f"test-{secrets.token_hex(8)}"
    with closing(connect(endpoint_url=moto_url, region=None, connections=2)) as client:
        client.create_bucket(Bucket=bucket)
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    server.data_dir.mkdir()
    databases = [postgresql_server.new_database(template=migrated) for _ in range(2)]
    server.settings |= {
        **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
        "VAULT_OBJECTS_URL": f"s3://{bucket}/vault?endpoint_url={moto_url}",
        "VAULT_DATABASE_URL": databases[0],
    }
    lose_and_restore(server, lambda: server.settings.update(VAULT_DATABASE_URL=databases[1]))
    wait_until_written(server)
    assert "0 findings" in server.command("fsck").stdout
    # Only the log, where nothing is secret, is overwritten and leaves versions.
    with closing(connect(endpoint_url=moto_url, region=None, connections=2)) as client:
        listed = client.list_object_versions(Bucket=bucket, Prefix="vault/")
    versions = [one["Key"] for one in [*listed["Versions"], *listed.get("DeleteMarkers", [])]]
    kept = [key for key in versions if not key.startswith("vault/log/")]
    assert len(kept) == len(set(kept)) > 9


def test_an_old_copy_is_put_back(server: VaultProcess, tmp_path: Path):
    """A backup from before an erasure and an off: recovery mode, a restore beside the server, and it opens."""
    server.start()
    with client_of(server, server.create_key()) as client:
        tenant, careful = Tenant.open(client), Tenant.open(client, policy={})
        ids = filled(tenant, careful)
        wait_until_written(server)
        old = tmp_path / "old"
        old.mkdir()
        for file in server.data_dir.glob("vault.db*"):
            shutil.copy(file, old)
        server.start()
        earlier = client.get("/v1/access-log/checkpoint").content
        assert client.delete(tenant.url(f"/recordings/{ids['rec-1']}")).status_code == 202
        switch = tenant.switch(enabled=False)
        wait_until_written(server)
    remove_database(server)
    shutil.copytree(old, server.data_dir, dirs_exist_ok=True)
    server.start(door="/healthz")
    check_recovery(server, tenant, ids["rec-1"])
    restored = server.command("restore")
    assert restored.returncode == 0, restored.stderr
    wait_until_open(server)
    check_restored(server, tenant, ids, switch, earlier)
    assert server.command("restore").returncode == 1


def test_fsck_names_damage_beside_a_running_server(server: VaultProcess):
    """Exit code 1 and one line for a truncated object, 0 and none before, while the server serves."""
    server.start()
    with client_of(server, server.create_key()) as client:
        recording = Tenant.open(client).uploaded(tone(0.3))
    sound = server.command("fsck")
    assert (sound.returncode, sound.stderr) == (0, ""), sound.stdout
    assert "1 recordings opened whole: 0 findings" in sound.stdout
    objects = server.data_dir / "objects"
    lost = [next((objects / folder).rglob("*.json")) for folder in ("manifests", "accounts")]
    for file in lost:
        file.unlink()
    named = server.command("fsck", "--sample", "0", "--rate", "0")
    assert [line.endswith("is missing.") for line in named.stdout.splitlines()] == [True, True]
    assert server.command("rewrite-store").returncode == 0
    deadline = time.monotonic() + 3 * PATIENCE
    while server.command("fsck", "--sample", "0", "--rate", "0").returncode:
        assert time.monotonic() < deadline
    [audio] = (objects / "recordings").rglob("*.audio")
    audio.write_bytes(audio.read_bytes()[:-1])
    found = server.command("fsck", "--sample", "0", "--rate", "0")
    assert found.returncode == 1
    lines = found.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == [recording]
    assert "bytes instead of" in lines[0]
    assert "1 findings" in found.stderr
