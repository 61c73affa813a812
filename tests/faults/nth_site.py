"""A vault in this process for one story: a part of it fails at one call, and is whole for another node."""

import secrets
import shutil
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.fakes.describer import FakeDescriber
from tests.fakes.objects import FakeObjects
from tests.fakes.own_keys import FakeOwnKeys
from tests.fakes.prompt_maker import FakePromptMaker
from tests.fakes.root_key import FakeRootKey
from tests.faults.nth_call import AnyDatabase, Fault, Nth, NthDatabase, NthObjects, struck
from tests.faults.nth_story import Site
from tests.faults.nth_wire import MediaNetwork, NthClient
from tests.servers.postgresql import PostgresqlServer
from tests.support.service_house import SIGNER
from vault.composition.adapters import Adapters
from vault.composition.services import build_vault
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.wrapped_keys import WrappedKeyRows
from vault.keyservice import aws_kms
from vault.keyservice.aws_kms import AwsKmsKey
from vault.keyservice.key_ring import TTL, AccountKeyRing
from vault.keyservice.root_keys import CheckedRootKey
from vault.objects import s3_client
from vault.objects.s3 import S3Store
from vault.services.service import Vault
from vault.settings import read_settings
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.download import MediaFetcher
from vault.telephony.http.outside import GuardedOutside
from vault.telephony.http.rest import ProviderRest
from vault.telephony.providers.standard_webhooks.adapter import Platform
from vault.thread_pools import Threads

_TLS = ssl.create_default_context()
Databases = Callable[[], AbstractContextManager[AnyDatabase]]
#: One part as the verbs see it, and as another node does.
Pair = tuple[Any, Any]


@contextmanager
def sqlite_databases() -> Iterator[Databases]:
    """Yield what opens an empty SQLite database: in memory where the system has a folder there."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder below it is the test's own
    with TemporaryDirectory(prefix="nth", dir=memory if memory.is_dir() else None) as name:
        template = Path(name, "template.db")
        SqliteDatabase(template).close()

        @contextmanager
        def opened() -> Iterator[AnyDatabase]:
            path = Path(name, secrets.token_hex(8), "vault.db")
            path.parent.mkdir()
            shutil.copy(template, path)
            database = SqliteDatabase(path)
            try:
                yield database
            finally:
                database.close()
                shutil.rmtree(path.parent)

        yield opened


def postgresql_databases(server: PostgresqlServer, migrated: str) -> Databases:
    """Return what opens an empty PostgreSQL database."""

    @contextmanager
    def opened() -> Iterator[AnyDatabase]:
        url = server.new_database(template=migrated)
        database = PostgresqlDatabase(url)
        try:
            yield database
        finally:
            database.close()
            server.drop(url)

    return opened


@dataclass
class Ground:
    """Where sites are made: threads, databases, and services that outlive them."""

    #: ``sqlite`` or ``postgresql``.
    kind: str
    databases: Databases
    #: Of moto's server, for the parts that are clients of it.
    services: str | None = None
    threads: Threads = field(default_factory=lambda: Threads("nth", 4))
    _clients: dict[str, Any] = field(default_factory=dict)
    _name: str = field(default_factory=lambda: f"nth-{secrets.token_hex(8)}")

    @contextmanager
    def site(self, part: str, fault: Fault, at: int) -> Iterator[Site]:
        """Open a vault of which one part fails at one call."""
        nth = Nth(fault, at)
        with self.databases() as database:
            network = MediaNetwork(nth if part == "network" else Nth(fault))
            pairs: dict[str, Pair] = {
                "database": self._database(part, database, nth),
                "objects": self._objects(part, nth),
                "root_key": self._root_key(part, nth),
            }
            ttl = 0.0 if part == "key service" else TTL
            first, other = (
                self._vault(network, {name: pair[side] for name, pair in pairs.items()}, ttl)
                for side in (0, 1)
            )
            yield Site(nth=nth, vault=first, quiet=other, database=database, network=network)

    def close(self) -> None:
        """End the threads and the clients."""
        for client in self._clients.values():
            client.close()
        self.threads.close()

    def _database(self, part: str, database: AnyDatabase, nth: Nth) -> Pair:
        if part != "database":
            return database, database
        return (NthDatabase if nth.fault.strike is None else struck)(database, nth), database

    def _objects(self, part: str, nth: Nth) -> Pair:
        if part == "S3 client":
            # A bucket of its own: moto lists all of one while others write there, and breaks.
            client, bucket = self._client("s3"), f"nth-{secrets.token_hex(8)}"
            client.create_bucket(Bucket=bucket)
            first, other = (
                S3Store(one, bucket, "v/", self.threads, attempts=1)
                for one in (NthClient(client, nth), client)
            )
            return first, other
        objects = NthObjects(nth if part == "object store" else Nth(nth.fault))
        shared = {name: getattr(objects, name) for name in ("objects", "older", "uploads", "locked")}
        return objects, FakeObjects(**shared)

    def _root_key(self, part: str, nth: Nth) -> Pair:
        if part == "key service":
            client = self._client("kms")
            first, other = (
                CheckedRootKey(AwsKmsKey(one, f"alias/{self._name}", self.threads))
                for one in (NthClient(client, nth), client)
            )
            return first, other
        root_key = FakeRootKey()
        return root_key, root_key

    def _client(self, kind: str) -> Any:
        """Return a client of moto's server; for keys, with one that is there."""
        if kind in self._clients:
            return self._clients[kind]
        connect = s3_client.connect if kind == "s3" else aws_kms.connect
        client = connect(endpoint_url=self.services, region="us-east-1", connections=8)
        self._clients[kind] = client
        if kind == "kms":
            key = client.create_key()["KeyMetadata"]["KeyId"]
            client.create_alias(AliasName=f"alias/{self._name}", TargetKeyId=key)
        return client

    def _vault(self, network: MediaNetwork, parts: dict[str, Any], ttl: float) -> Vault:
        http = GuardedHttp(resolver=network.resolve, dialer=network, ssl_context=_TLS)
        rows = WrappedKeyRows(parts["database"])
        adapters = Adapters(
            **parts,
            ring=AccountKeyRing(parts["root_key"], rows, own_keys=FakeOwnKeys(), ttl=ttl),
            threads=self.threads,
            providers={"platform": Platform()},
            prompt_maker=FakePromptMaker(),
            describer=FakeDescriber(),
            fetcher=MediaFetcher(http),
            rest=ProviderRest(http),
            outside=GuardedOutside(http),
            signer=SIGNER,
        )
        return build_vault(read_settings({}), adapters)
