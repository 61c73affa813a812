"""Every adapter has a simulated counterpart, and the two agree on what the provider can do."""

import pytest

from tests.simulator.scene import BASE, NOW
from vault.domain.calls.provider_api import Access
from vault.ports.telephony import Provider
from vault.simulator.registry import SIMULATED, STEERED
from vault.telephony.registry import PROVIDERS

#: The customer's own platform is not simulated: tests sign its events themselves.
ADAPTERS = [provider for provider in PROVIDERS if provider.name != "platform"]
ACCESS = Access(credentials={}, api_base=BASE, now=NOW)


def name_of(provider: Provider) -> str:
    """Return a provider as a test id."""
    return provider.name


def test_names_are_distinct() -> None:
    """A name is part of webhook URLs."""
    assert len({provider.name for provider in PROVIDERS}) == len(PROVIDERS)


def test_every_adapter_is_simulated() -> None:
    """By a package below vault/simulator/providers/, and nothing else is."""
    assert set(SIMULATED) == {provider.name for provider in ADAPTERS}


@pytest.mark.parametrize("provider", ADAPTERS, ids=name_of)
def test_an_adapter_takes_the_simulated_credentials(provider: Provider) -> None:
    """They have the provider's format."""
    provider.check_credentials(SIMULATED[provider.name](BASE).credentials)


@pytest.mark.parametrize("provider", ADAPTERS, ids=name_of)
def test_who_asks_for_documents_is_simulated_so(provider: Provider) -> None:
    """With documents on both sides, or on none."""
    assert (provider.call_documents is not None) == (provider.name in STEERED)


@pytest.mark.parametrize("provider", ADAPTERS, ids=name_of)
def test_what_a_provider_can_do_is_the_same_on_both_sides(provider: Provider) -> None:
    """The simulator checks a list and deletions unless it says that there are none; so it must not say so wrongly."""
    simulated, adapter = SIMULATED[provider.name], type(provider)
    assert simulated.lists == (provider.list_request(NOW, None, ACCESS) is not None)
    assert simulated.deletes == (adapter.delete_request is not Provider.delete_request)
