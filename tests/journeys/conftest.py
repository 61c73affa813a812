"""Two servers for each test process: one that trusts no proxy, and one that trusts loopback as its proxy."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.player import CALL, CONVERSATION, FIRST, SECOND, Listener, dual, mono, name_voices
from tests.servers.media_thread import MediaThread, media_thread
from tests.servers.vault_process import VaultProcess, vault_process
from tests.support.chromium import chromium, new_page
from tests.support.tenant import Tenant
from tests.support.web_house import House, open_house


@pytest.fixture(scope="session")
def media() -> Iterator[MediaThread]:
    """The platform's media host."""
    with media_thread() as host:
        yield host


@pytest.fixture(scope="session")
def server(media: MediaThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultProcess]:
    """A running vault."""
    with vault_process(tmp_path_factory.mktemp("v"), VAULT_MEDIA_ALLOW=media.authority) as running:
        yield running


@pytest.fixture(scope="session")
def admin(server: VaultProcess) -> Iterator[httpx.Client]:
    """A client with a key for everything, made while the server runs."""
    headers = {"Authorization": f"Bearer {server.create_key()}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def tenant(admin: httpx.Client) -> Tenant:
    """An account of its own."""
    return Tenant.open(admin)


@pytest.fixture
def careful(admin: httpx.Client) -> Tenant:
    """An account with the policy that every account begins with: what lacks its evidence waits."""
    return Tenant.open(admin, policy={})


@pytest.fixture
def browser(server: VaultProcess) -> Iterator[httpx.Client]:
    """Somebody without a key, who keeps cookies."""
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


@pytest.fixture
def stranger(server: VaultProcess) -> Iterator[httpx.Client]:
    """Somebody else, with cookies of another browser."""
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A vault in this process, whose rows a test can change behind its back."""
    with open_house(tmp_path_factory.mktemp("h")) as house:
        yield house


@pytest.fixture(scope="session")
def caller(house: House) -> Tenant:
    """The account of every call that is only listened to."""
    return Tenant.open(house.admin)


@pytest.fixture(scope="session")
def alone(caller: Tenant) -> str:
    """Thirty seconds of one channel."""
    return caller.uploaded(mono(30), call="alone", ref="alone")


@pytest.fixture(scope="session")
def conversation(house: House, caller: Tenant) -> str:
    """Thirty seconds of an incoming call on two channels, the customer's first."""
    assert house.admin.put(caller.url("/calls/conversation"), json=CALL).status_code == 200
    recording = caller.uploaded(CONVERSATION, call="conversation", ref="conversation")
    name_voices(house, recording, "caller", "callee")
    return recording


@pytest.fixture(scope="session")
def duet(house: House, caller: Tenant) -> str:
    """Ten minutes: the second alone for two, then both. No busy machine reaches the end of either by playing."""
    assert house.admin.put(caller.url("/calls/duet"), json=CALL).status_code == 200
    audio = dual((0, SECOND, 120), (FIRST, SECOND, 480))
    recording = caller.uploaded(audio, call="duet", ref="duet")
    name_voices(house, recording, "caller", "callee")
    return recording


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """Debian's chromium. Its driver runs a loop, so no test of such a module can have one of its own."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(chrome: Browser) -> Iterator[Page]:
    """A page that shares nothing with those of other tests."""
    with new_page(chrome) as page:
        yield page


@pytest.fixture
def listener(page: Page) -> Listener:
    """Somebody with a browser."""
    return Listener(page)


@pytest.fixture(scope="session")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultProcess]:
    """A running vault behind a proxy on loopback."""
    with vault_process(tmp_path_factory.mktemp("p"), VAULT_TRUSTED_PROXIES="127.0.0.0/8") as running:
        yield running


@pytest.fixture
def proxied_tenant(proxied: VaultProcess) -> Iterator[Tenant]:
    """An account of its own behind the proxy."""
    headers = {"Authorization": f"Bearer {proxied.create_key()}"}
    with httpx.Client(base_url=proxied.url, headers=headers, timeout=30) as client:
        yield Tenant.open(client)
