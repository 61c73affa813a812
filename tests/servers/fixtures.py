"""Session fixtures: each server starts when the first test asks for it and stops with the session."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.servers import ceph as ceph_server
from tests.servers.moto import moto_server
from tests.servers.required import require

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.servers.openbao import OpenBao

ACCESS_KEY = "callvaulttest"
SECRET_KEY = "made-up-for-tests"


@pytest.fixture(scope="session")
def aws_credentials() -> Iterator[None]:
    """Put made-up credentials where boto3's usual chain finds them, and nothing else."""
    ours = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(ours)
    yield
    for name in ours:
        del os.environ[name]
    os.environ.update({name: value for name, value in before.items() if name.startswith("AWS_")})


@pytest.fixture(scope="session")
def moto_url(aws_credentials: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of moto's server, for S3 and KMS."""
    with moto_server(tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[OpenBao]":
    """An OpenBao server. A test that seals or stops it runs one of its own, or brings it back."""
    from tests.servers.openbao import openbao_server

    with openbao_server(tmp_path_factory.mktemp("bao")) as server:
        yield server


@pytest.fixture(scope="session")
def ceph(aws_credentials: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Ceph gateway. Tests that use it are marked ``xdist_group("ceph")``, so one is enough."""
    require(*ceph_server.PROGRAMS, install=ceph_server.INSTALL)
    folder = tmp_path_factory.mktemp("ceph")
    with ceph_server.ceph_gateway(folder, ACCESS_KEY, SECRET_KEY) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Debian's Chromium, started once for the tests of a module."""
    from tests.support.chromium import chromium

    with chromium() as started:
        yield started
