"""The world of a soak: PostgreSQL, the Ceph gateway, OpenBao, a media host, two nodes that serve and two that work."""

import random
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.ceph import ceph_gateway
from tests.servers.fleet import Fleet, Node, fleet_of
from tests.servers.media_thread import MediaThread, media_thread
from tests.servers.openbao import openbao_server
from tests.servers.postgresql import PostgresqlServer, postgresql_running
from tests.support.telephone_audio import wav
from vault.database.engines.migrate import migrate_postgresql
from vault.objects import s3_client

ACCESS_KEY, SECRET_KEY = "soak", "made-up-for-the-soak"
BUCKET = "soak"
#: Seconds of the calls, of two channels: short enough for an hour of them in a store in memory.
_LENGTHS = (1, 2, 3, 5, 10, 20)
_SECOND = 32_000


@dataclass(kw_only=True)
class World:
    """What runs."""

    postgresql: PostgresqlServer
    database_url: str
    fleet: Fleet
    media: MediaThread
    bodies: list[bytes]
    urls: list[str]
    killed: dict[str, int] = field(default_factory=dict)
    restarts: int = 0

    def kill_one(self, chance: random.Random) -> None:
        """Kill a process as a power cut does, and start it again."""
        node = chance.choice(self.fleet.nodes)
        what = node.what[3]
        assert node.running is not None
        node.running.send_signal(signal.SIGKILL)
        node.running.wait(30)
        node.stop()
        self.killed[what] = self.killed.get(what, 0) + 1
        time.sleep(1)
        node.launch()

    def restart_database(self) -> None:
        """Cut every connection and restart PostgreSQL, which replays its log."""
        self.postgresql.stop(mode="immediate")
        self.postgresql.start()
        self.restarts += 1

    @property
    def serving(self) -> list[Node]:
        """Return the nodes that serve."""
        return [node for node in self.fleet.nodes if node.what[3] == "serve"]


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Start everything, and end it with the block."""
    with ExitStack() as stack:
        for name in ("ceph", "bao", "fleet"):
            (folder / name).mkdir()
        postgresql = stack.enter_context(postgresql_running())
        url = postgresql.new_database()
        migrate_postgresql(url)
        ceph = stack.enter_context(ceph_gateway(folder / "ceph", ACCESS_KEY, SECRET_KEY))
        credentials = {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        client = s3_client.connect(endpoint_url=ceph, region="us-east-1", connections=1)
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        client.close()
        bao = stack.enter_context(openbao_server(folder / "bao"))
        media = stack.enter_context(media_thread())
        fleet = stack.enter_context(
            fleet_of(
                folder / "fleet",
                url,
                VAULT_OBJECTS_URL=f"s3://{BUCKET}/vault?endpoint_url={ceph}",
                VAULT_ROOT_KEY_URL=bao.url_of(bao.new_key()),
                VAULT_MEDIA_ALLOW=media.authority,
                **credentials,
            )
        )
        fleet.start("serve --no-worker", "serve --no-worker", "worker", "worker")
        bodies = [wav(44 + length * _SECOND, number) for number, length in enumerate(_LENGTHS)]
        urls = [media.serve(f"/{number}.wav", body) for number, body in enumerate(bodies)]
        yield World(
            postgresql=postgresql, database_url=url, fleet=fleet, media=media, bodies=bodies, urls=urls
        )
