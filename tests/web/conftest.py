"""Fixtures of the web: the whole app in this process, and who calls it."""

from collections.abc import Iterator
from ipaddress import ip_network

import httpx
import pytest

from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House, open_house
from vault.web.app import Hosting


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The app while it runs."""
    with open_house(tmp_path_factory.mktemp("w")) as house:
        yield house


@pytest.fixture(autouse=True)
def a_minute_of_its_own(request: pytest.FixtureRequest) -> None:
    """Begin each test without failures of others: all tests have one address, which has 60 of them in a minute."""
    if "house" in request.fixturenames:
        house = request.getfixturevalue("house")
        if isinstance(house, House):
            house.forget_failures()


@pytest.fixture
def stranger(house: House) -> Iterator[httpx.Client]:
    """Somebody without a key."""
    with httpx.Client(base_url=house.url, timeout=30) as client:
        yield client


@pytest.fixture
def tenant(house: House) -> Tenant:
    """An account of its own."""
    return Tenant.open(house.admin)


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The app behind a proxy on loopback, so that a client can have any address."""
    with open_house(tmp_path_factory.mktemp("d")) as house:
        trusted = (ip_network("127.0.0.0/8"),)
        house.app.state.hosting = Hosting(public_url=house.url, trusted_proxies=trusted)
        yield house


@pytest.fixture(scope="session")
def shared(house: House) -> tuple[Tenant, str]:
    """An account with one available recording, for tests that change neither."""
    tenant = Tenant.open(house.admin)
    return tenant, tenant.uploaded(AUDIO)
