"""Every provider, simulated from its documentation, against a running vault and its adapter."""

import secrets
from collections.abc import Iterator

import pytest

from tests.servers.ports import free_ports
from tests.servers.vault_process import VaultProcess, vault_process
from vault.errors import VaultError
from vault.simulator.providers import SIMULATED
from vault.simulator.simulate import Outcome, simulate
from vault.wiring import PROVIDERS

ADAPTERS = [provider.name for provider in PROVIDERS if provider.name != "platform"]
#: These list their recordings, so a webhook that never came is made good.
LISTING = [name for name in ADAPTERS if SIMULATED[name].lists]


@pytest.fixture(scope="module")
def simulator() -> str:
    """The address of the simulated provider."""
    return f"127.0.0.1:{free_ports(1)[0]}"


@pytest.fixture(scope="module")
def connected(simulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultProcess]:
    """A vault that may fetch from the simulator."""
    with vault_process(tmp_path_factory.mktemp("s"), VAULT_MEDIA_ALLOW=simulator) as running:
        yield running


@pytest.fixture(scope="module")
def key(connected: VaultProcess) -> str:
    """A key for everything."""
    return connected.create_key()


async def played(vault: VaultProcess, key: str, provider: str, listen: str, **ways: object) -> Outcome:
    """Simulate in an account of its own."""
    account = f"sim-{secrets.token_hex(4)}"
    return await simulate(provider, vault.url, key, account=account, listen=listen, **ways)


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
@pytest.mark.parametrize("provider", ADAPTERS)
async def test_a_call_goes_the_whole_way(
    connected: VaultProcess, key: str, simulator: str, provider: str, direction: str
) -> None:
    """Signed webhooks, fetch, seal: the bytes and the facts are the provider's, and its copy is deleted."""
    outcome = await played(connected, key, provider, simulator, direction=direction)
    assert outcome.failures == ()


@pytest.mark.parametrize("provider", ADAPTERS)
async def test_nothing_is_kept_while_recording_is_off(
    connected: VaultProcess, key: str, simulator: str, provider: str
) -> None:
    """The provider hears a 2xx, the recording is refused and not fetched, and the provider's copy is deleted."""
    outcome = await played(connected, key, provider, simulator, switched_off=True)
    assert outcome.failures == ()


@pytest.mark.parametrize(
    "provider", [name for name in ADAPTERS if name in {"aircall", "twilio", "vonage", "telnyx"}]
)
async def test_a_dead_url_is_overcome(
    connected: VaultProcess, key: str, simulator: str, provider: str
) -> None:
    """The announced URL is refused, and the recording becomes available all the same."""
    outcome = await played(connected, key, provider, simulator, expired=True)
    assert outcome.failures == ()


@pytest.mark.parametrize("provider", LISTING)
async def test_a_missed_webhook_is_made_good(
    connected: VaultProcess, key: str, simulator: str, provider: str
) -> None:
    """The recording that nobody announced is found in the provider's list."""
    outcome = await played(connected, key, provider, simulator, missed=True)
    assert outcome.failures == ()


async def test_a_vault_that_may_not_fetch_says_what_to_do(connected: VaultProcess, key: str) -> None:
    """The simulation ends at once, with the setting that is missing."""
    elsewhere = f"127.0.0.1:{free_ports(1)[0]}"
    outcome = await played(connected, key, ADAPTERS[0], elsewhere)
    (failure,) = outcome.failures
    assert f"VAULT_MEDIA_ALLOW={elsewhere}" in failure


async def test_a_wrong_key_is_said(connected: VaultProcess, simulator: str) -> None:
    """Nothing is simulated without a key."""
    with pytest.raises(VaultError, match="401"):
        await simulate("twilio", connected.url, "wrong", listen=simulator)


def test_the_command_prints_each_step_and_exits_with_the_result(
    connected: VaultProcess, key: str, simulator: str
) -> None:
    """Status 0 if everything holds, 1 with a sentence if not."""
    common = [
        ADAPTERS[0],
        "--vault",
        connected.url,
        "--key",
        key,
        "--account",
        "by-command",
        "--direction",
        "both",
    ]
    good = connected.command("simulate", *common, "--listen", simulator)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.count("everything holds") == 2
    assert key not in good.stdout
    bad = connected.command("simulate", *common, "--listen", f"127.0.0.1:{free_ports(1)[0]}")
    assert bad.returncode == 1
    assert "VAULT_MEDIA_ALLOW" in bad.stdout
