"""An app that asks a sign-in provider on loopback, and an account for each test."""

from collections.abc import Iterator

import pytest

from tests.fakes.identity_provider import IdentityProvider
from tests.servers.identity_provider import serving
from tests.support.provider_scene import Scene
from tests.support.tenant import Tenant
from tests.support.web_house import House, open_house


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, IdentityProvider]]:
    """An app and a provider."""
    provider = IdentityProvider()
    with (
        serving(provider) as host,
        open_house(tmp_path_factory.mktemp("sign_in"), VAULT_MEDIA_ALLOW=host) as house,
    ):
        yield house, provider


@pytest.fixture
def scene(place: tuple[House, IdentityProvider]) -> Scene:
    """An account of its own, with a provider that tells the truth."""
    house, provider = place
    provider.lie, provider.claims = "", {"groups": ["staff"], "name": "Ada <script>"}
    house.forget_failures()
    scene = Scene(house, provider, Tenant.open(house.admin), {})
    scene.connection = scene.put()
    return scene
