"""The world of a round on PostgreSQL: a pair of servers, nodes of the vault, what acts on them and the book of it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.failover.account_book import AccountBook
from tests.failover.bucket import Bucket, moto_bucket
from tests.failover.figures import Table
from tests.failover.load import Load
from tests.failover.requests import Door
from tests.failover.stage import Stage, prepare
from tests.servers.fleet import Fleet, Node, fleet_of
from tests.servers.poolers import haproxy
from tests.servers.postgresql_pair import PostgresqlPair, postgresql_pair
from vault.database.sql.postgresql_url import engine_url


@dataclass(slots=True, kw_only=True)
class World:
    """What one round has."""

    pair: PostgresqlPair
    fleet: Fleet
    node: Node
    door: Door
    stage: Stage
    table: Table
    #: Where the objects are, if not in a directory.
    bucket: Bucket | None = None
    book: AccountBook = field(default_factory=AccountBook)

    def load(self, *doors: Door) -> Load:
        """Return everybody who acts; not begun yet."""
        return Load(doors=doors or (self.door,), stage=self.stage, book=self.book)

    def manifests(self) -> set[str]:
        """Return the ids of the recordings whose manifest lies in the object store."""
        return manifests_in(self.fleet.folder / "objects") if self.bucket is None else self.bucket.manifests()


def manifests_in(objects: Path) -> set[str]:
    """Return the ids of the recordings whose manifest lies in a directory."""
    return {path.stem for path in objects.glob("manifests/*/*.json")}


@contextmanager
def short_folder() -> Iterator[Path]:
    """Make a folder with a short path, because the path of a control socket is limited to 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="rounds"))
    folder.chmod(0o755)  # PgBouncer refuses to be root, and its user reads a file in it.
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def hosts_of(pair: PostgresqlPair) -> str:
    """Return the URL that names both servers: as libpq writes it, or as SQLAlchemy does where only that is read."""
    url = pair.hosts()
    try:
        engine_url(url)
    except ValueError:
        hosts = f"{pair.primary.address}&host={pair.standby.address}"
        return f"postgresql://postgres@/vault?host={hosts}&target_session_attrs=read-write"
    return url


@contextmanager
def world(
    title: str,
    *,
    synchronous: bool = False,
    subjects: int = 20,
    url: str = "",
    proxied: bool = False,
    s3: bool = False,
) -> Iterator[World]:
    """Run a pair and a node, with so many subjects for each kind of act, until the end of the block.

    ``url`` is that of the database, with ``{primary}`` and ``{standby}`` in the place of addresses; the default
    names both. ``proxied`` puts haproxy between; ``s3`` keeps objects in moto's S3 and not in a directory.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        pair = stack.enter_context(postgresql_pair(synchronous=synchronous))
        wanted = url.format(primary=pair.primary.address, standby=pair.standby.address) or hosts_of(pair)
        if proxied:
            port = stack.enter_context(haproxy(folder / "h", [pair.primary, pair.standby]))
            wanted = f"postgresql://postgres@127.0.0.1:{port}/vault"
        bucket = stack.enter_context(moto_bucket(folder)) if s3 else None
        fleet = stack.enter_context(fleet_of(folder / "f", wanted, **(bucket.settings if bucket else {})))
        (started,) = fleet.start("serve")
        door = Door(base=started.url, key=fleet.key)
        stage = prepare(door, subjects)
        pair.catch_up()
        yield World(
            pair=pair, fleet=fleet, node=started, door=door, stage=stage, table=Table(title), bucket=bucket
        )
