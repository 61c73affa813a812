"""Every alert fires by its incident: a vault in trouble, scraped by Debian's Prometheus, with the rules' expressions.

Their durations are left out here; ``test_alert_durations.py`` has them. Where an incident takes longer than a test may,
rows are made older behind the vault's back.
"""

import resource
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.infra.incidents import BY_SERIES
from tests.infra.prometheus import Prometheus, prometheus, rules
from tests.servers.fleet import fleet_of
from tests.servers.media import answer
from tests.servers.media_thread import media_thread
from tests.servers.ports import free_ports
from tests.servers.postgresql import PostgresqlServer
from tests.servers.vault_process import VaultProcess
from tests.support.tenant import Tenant, moment, tone
from vault.simulator.simulate import simulate

pytestmark = pytest.mark.timeout(600)
AUDIO = tone(0.5)


@dataclass
class Scene:
    """A vault, an account in it, and a Prometheus that scrapes it."""

    server: VaultProcess
    key: str
    tenant: Tenant
    prometheus: Prometheus

    @property
    def objects(self) -> Path:
        """Return the folder of the objects."""
        return self.server.data_dir / "objects"

    def make_older(self, recording: str) -> None:
        """Let an hour pass since a recording came and since the last checkpoint; two days since changes of requests."""
        path = self.server.data_dir / "vault.db"
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
            connection.execute(
                "UPDATE recordings SET received_at = received_at - 3600000000 WHERE id = ?", (recording,)
            )
            connection.execute("UPDATE checkpoints SET at = at - 3600000000")
            connection.execute("UPDATE outbox_messages SET at = at - 172800000000")

    def restart(self, *options: str, door: str = "/readyz") -> None:
        """Stop the server and start it with these options."""
        self.server.stop()
        self.server.start(*options, door=door)

    def audio_of(self, recording: str) -> Path:
        """Return the file of a recording's audio."""
        (file,) = self.objects.rglob(f"{recording}/*.audio")
        return file

    def download(self, recording: str) -> int:
        """Ask for the audio and return the status."""
        return self.tenant.http.get(self.tenant.url(f"/recordings/{recording}/audio")).status_code


@contextmanager
def scene(folder: Path, *options: str, **settings: str) -> Iterator[Scene]:
    """Start a vault and its Prometheus, which has seen it before anything happens."""
    (folder / "v").mkdir()
    server = VaultProcess(folder / "v", settings)
    try:
        server.start(*options)
        key = server.create_key()
        headers = {"Authorization": f"Bearer {key}"}
        with (
            httpx.Client(base_url=server.url, headers=headers, timeout=30) as http,
            prometheus(folder / "p", f"127.0.0.1:{server.port}") as watching,
        ):
            made = Scene(server, key, Tenant.open(http), watching)
            watching.wait_for_scrapes()
            yield made
    finally:
        if server.running is not None:
            server.stop()


def test_every_alert_has_its_incident_here():
    """Each name stands in one of the tests below, or beside them, or is tried by its series alone."""
    files = (Path(__file__), Path(__file__).with_name("test_retention_alerts.py"))
    text = "".join(file.read_text() for file in files)
    here = {rule["alert"] for rule in rules() if f'"{rule["alert"]}' in text}
    missing = [rule["alert"] for rule in rules() if rule["alert"] not in here | BY_SERIES]
    assert missing == []


def test_a_media_host_that_answers_503(tmp_path: Path):
    """Every recording waits for its next attempt; one that was announced an hour ago comes after all, and late."""
    with media_thread() as media, scene(tmp_path, VAULT_MEDIA_ALLOW=media.authority) as vault:
        for name in ("down", "late"):
            media.on(f"/{name}", answer(status=503))
        origin = f"http://{media.authority}"
        late = vault.tenant.announce(f"{origin}/late", ref="late").json()["recording"]
        for number in range(25):
            assert vault.tenant.announce(f"{origin}/down", ref=f"down-{number}").status_code == 202
        vault.prometheus.wait_for("CallvaultRecordingsRetry")
        vault.make_older(late)
        media.serve("/late", AUDIO)
        vault.prometheus.wait_for("CallvaultAvailableLate", "CallvaultRecordingsRetry")
        assert vault.tenant.get(late)["state"] == "available"


def test_a_vault_without_a_worker(tmp_path: Path):
    """What is announced, uploaded or erased waits, and so does the log; then the last process ends too."""
    with scene(tmp_path) as vault:
        erased = vault.tenant.uploaded(AUDIO)
        vault.restart("--no-worker")
        vault.prometheus.wait_until_over("CallvaultNodeDown")
        assert vault.tenant.put(AUDIO, ref="stuck").status_code == 201
        assert vault.tenant.http.delete(vault.tenant.url(f"/recordings/{erased}")).status_code == 202
        waiting = vault.tenant.announce("https://media.example.com/a.wav", ref="a")
        vault.make_older(waiting.json()["recording"])
        vault.prometheus.wait_for("CallvaultRecordingsWait", "CallvaultLogUnsigned")
        # Two rules look back half an hour, so they need a Prometheus that has not seen the time before.
        with prometheus(tmp_path / "later", f"127.0.0.1:{vault.server.port}") as later:
            later.wait_for("CallvaultGateStuck", "CallvaultErasureStuck")
        vault.server.stop()
        vault.prometheus.wait_for("CallvaultNodeDown")


def test_a_server_whose_workers_are_not_scraped(tmp_path: Path):
    """No series at all means that no worker is seen."""
    with scene(tmp_path, "--no-worker") as vault:
        vault.prometheus.wait_for("CallvaultNobodyWorks")


def test_a_person_who_was_not_answered_in_time(tmp_path: Path):
    """A request of two months ago had one month; and the account's callback has not been reached for two days."""
    with scene(tmp_path) as vault:
        received = moment(datetime.now(UTC) - timedelta(days=62))
        person = [{"type": "number", "value": "+14155550187"}]
        said = {"kind": "access", "regime": "gdpr", "received_at": received, "reference": "r"}
        callback = {"url": "https://callback.invalid/hook"}
        assert vault.tenant.http.put(vault.tenant.url("/request-callback"), json=callback).status_code == 200
        entered = vault.tenant.http.post(vault.tenant.url("/requests"), json=said | {"identities": person})
        assert entered.status_code == 201, entered.text
        vault.prometheus.wait_for("CallvaultRequestsOverdue")
        vault.make_older("none")
        vault.prometheus.wait_for("CallvaultRequestCallbacksFail")


def test_an_object_store_that_is_gone(tmp_path: Path):
    """The node is not ready, uploads get a 503, and the worker fails at what it has to write."""
    with scene(tmp_path) as vault:
        vault.objects.rename(vault.objects.with_name("gone"))
        vault.tenant.http.put("/v1/accounts/another", json={"name": "another"})
        uploads = iter(range(1000))
        vault.prometheus.wait_for(
            "CallvaultNotReady{objects}",
            "CallvaultUnavailable",
            "CallvaultWorkFails",
            meanwhile=lambda: vault.tenant.put(AUDIO, ref=f"rec-{next(uploads)}"),
        )
        vault.objects.with_name("gone").rename(vault.objects)


def test_objects_that_were_changed_or_deleted(tmp_path: Path):
    """One frame is changed, one object deleted, and one upload was no audio."""
    with scene(tmp_path) as vault:
        tampered, missing = (vault.tenant.uploaded(AUDIO, call=ref, ref=ref) for ref in ("a", "b"))
        failed = vault.tenant.put(b"no audio" * 1000, ref="c").json()["id"]
        file = vault.audio_of(tampered)
        content = bytearray(file.read_bytes())
        content[-40] ^= 1
        file.write_bytes(content)
        vault.audio_of(missing).unlink()
        assert (vault.download(tampered), vault.download(missing)) == (500, 503)
        vault.tenant.wait(failed, "failed")
        vault.prometheus.wait_for(
            "CallvaultTampered", "CallvaultServerErrors", "CallvaultAudioMissing", "CallvaultRecordingsFailed"
        )


def test_a_database_that_commits_slowly(tmp_path: Path):
    """Webhooks wait for a writer that another process keeps for more than a second."""
    with scene(tmp_path) as vault:
        refs = iter(range(1000))

        def slow_webhook() -> None:
            path = vault.server.data_dir / "vault.db"
            with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as other:
                other.execute("BEGIN IMMEDIATE")
                sent = threading.Thread(
                    target=vault.tenant.hook, args=("call.started",), kwargs=started(next(refs))
                )
                sent.start()
                time.sleep(1.5)
                other.execute("ROLLBACK")
                sent.join()

        vault.prometheus.wait_for("CallvaultWebhooksSlow", meanwhile=slow_webhook)


def started(number: int) -> dict[str, str]:
    """Return what a webhook says of a call that starts."""
    return {"call_ref": f"call-{number}", "direction": "inbound"}


def test_a_process_with_few_files(tmp_path: Path):
    """The limit is hardly above what the process has open."""
    with scene(tmp_path) as vault:
        page = vault.tenant.http.get("/metrics").text
        (opened,) = (line.split()[1] for line in page.splitlines() if line.startswith("process_open_fds "))
        limit = int(float(opened) * 1.2)
        assert vault.server.running is not None
        resource.prlimit(vault.server.running.pid, resource.RLIMIT_NOFILE, (limit, limit))
        vault.prometheus.wait_for("CallvaultFilesRunOut")


def test_an_old_database_that_is_put_back(tmp_path: Path):
    """The object store has more than the database, so nothing is served."""
    with scene(tmp_path) as vault:
        vault.server.stop()
        shutil.copy(vault.server.data_dir / "vault.db", tmp_path / "old.db")
        vault.server.start()
        vault.tenant.uploaded(AUDIO)
        anchored(vault)
        vault.server.stop()
        for file in vault.server.data_dir.glob("vault.db*"):
            file.unlink()
        shutil.copy(tmp_path / "old.db", vault.server.data_dir / "vault.db")
        vault.server.start(door="/healthz")
        vault.prometheus.wait_for("CallvaultRecoveryMode")


def test_an_old_object_store_that_is_put_back(tmp_path: Path):
    """The log there is shorter than what was written."""
    with scene(tmp_path) as vault:
        vault.tenant.uploaded(AUDIO, call="a", ref="a")
        anchored(vault)
        shutil.copytree(vault.objects / "log", tmp_path / "log")
        vault.tenant.uploaded(AUDIO, call="b", ref="b")
        anchored(vault)
        vault.server.stop()
        shutil.rmtree(vault.objects / "log")
        shutil.copytree(tmp_path / "log", vault.objects / "log")
        vault.server.start()
        vault.tenant.put(AUDIO, call="c", ref="c")
        vault.prometheus.wait_for("CallvaultStoreWentBack")


def anchored(vault: Scene) -> None:
    """Wait until the whole log is anchored in the object store."""
    deadline = time.monotonic() + 60
    query = "SELECT (SELECT size FROM tree_head) - (SELECT max(size) FROM checkpoints WHERE anchored_at IS NOT NULL)"
    path = vault.server.data_dir / "vault.db"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
        while connection.execute(query).fetchone() != (0,):
            assert time.monotonic() < deadline
            time.sleep(0.2)


async def test_a_webhook_that_never_came(tmp_path: Path):
    """The recording is found in the list of a simulated provider."""
    listen = f"127.0.0.1:{free_ports(1)[0]}"
    with scene(tmp_path, VAULT_MEDIA_ALLOW=listen) as vault:
        outcome = await simulate(
            "twilio", vault.server.url, vault.key, account="sim", listen=listen, way="missed"
        )
        assert outcome.failures == ()
        vault.prometheus.wait_for("CallvaultRecordingsMissed")


def test_events_that_wait_for_the_sequencer(
    tmp_path: Path, postgresql_server: PostgresqlServer, migrated: str
):
    """On PostgreSQL, without a worker, nobody gives events their place in the log."""
    url = postgresql_server.new_database(template=migrated)
    with fleet_of(tmp_path / "f", url) as fleet:
        (node,) = fleet.start("serve --no-worker")
        Tenant.open(fleet.admin(node))
        with psycopg.connect(url, autocommit=True) as connection:
            bodies = "SELECT position, body FROM event_outbox"
            for position, body in connection.execute(bodies).fetchall():
                older = body.replace(b'"at":"20', b'"at":"19')
                assert older != body
                connection.execute("UPDATE event_outbox SET body = %s WHERE position = %s", (older, position))
        with prometheus(tmp_path / "p", f"127.0.0.1:{node.port}") as watching:
            watching.wait_for("CallvaultLogBehind")
