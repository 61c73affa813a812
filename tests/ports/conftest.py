"""Every adapter of a port, and the fake, under one name: each test runs on all of them."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.objects import FakeObjects
from tests.fakes.root_key import FakeRootKey
from tests.support.rights_cases import ON_CEPH
from tests.support.s3_store import s3_store
from vault.keyservice import aws_kms
from vault.keyservice.location import open_root_key
from vault.keyservice.root_keys import Breaker
from vault.objects.directory import DirectoryStore
from vault.ports.keys import RootKey
from vault.ports.objects import ObjectStore
from vault.thread_pools import Threads


@dataclass
class Adapter:
    """One store under test, empty."""

    #: fake, directory, moto, moto-versioned or ceph.
    name: str
    store: ObjectStore


STORES = [
    "fake",
    "directory",
    pytest.param("moto", marks=pytest.mark.proof),
    pytest.param("moto-versioned", marks=pytest.mark.proof),
    pytest.param("ceph", marks=ON_CEPH),
    pytest.param("ceph-versioned", marks=ON_CEPH),
]


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Threads for one store or key."""
    made = Threads("test", 8)
    yield made
    made.close()


@pytest.fixture(params=STORES)
def adapter(request: pytest.FixtureRequest, tmp_path: Path, threads: Threads) -> Iterator[Adapter]:
    """Each object store in turn."""
    name: str = request.param
    if name == "fake":
        yield Adapter(name, FakeObjects())
    elif name == "directory":
        yield Adapter(name, DirectoryStore(tmp_path / "objects", threads))
    else:
        url = request.getfixturevalue("ceph" if name.startswith("ceph") else "moto_url")
        store = s3_store(url, threads, versioned=name.endswith("-versioned"))
        yield Adapter(name, store)
        store.close()


@pytest.fixture
def store(adapter: Adapter) -> ObjectStore:
    """Each object store in turn, where its name does not matter."""
    return adapter.store


#: moto puts the key's id before what it encrypts, and answers AccessDenied where KMS says IncorrectKey
#: or InvalidCiphertext: where those bytes are touched, it cannot show what KMS does.
MOTO_KEY_ID = 36


@dataclass
class RootKeys:
    """One kind of root key under test."""

    #: fake, local file, moto or openbao.
    name: str
    make: Callable[[], RootKey]


ROOT_KEYS = [
    "fake",
    "local file",
    pytest.param("moto", marks=pytest.mark.proof),
    pytest.param("openbao", marks=pytest.mark.proof),
]


@pytest.fixture(params=ROOT_KEYS)
async def root_keys(
    request: pytest.FixtureRequest, tmp_path: Path, threads: Threads
) -> AsyncIterator[RootKeys]:
    """Each kind of root key, with a function that makes a new one and opens it as the vault does."""
    opened: list[Breaker] = []
    services = {"moto": "moto_url", "openbao": "openbao"}
    service = request.getfixturevalue(services[request.param]) if request.param in services else None

    def make() -> RootKey:
        if request.param == "fake":
            return FakeRootKey()
        if request.param == "local file":
            url = f"file://{tmp_path / secrets.token_hex(8)}"
        elif request.param == "moto":
            client = aws_kms.connect(endpoint_url=service, region=None, connections=1)
            url = f"aws-kms://{client.create_key()['KeyMetadata']['KeyId']}?endpoint_url={service}"
            client.close()
        else:
            url = service.url_of(service.new_key())
        opened.append(open_root_key(url, threads, create=True))
        return opened[-1]

    yield RootKeys(request.param, make)
    for key in opened:
        await key.close()
