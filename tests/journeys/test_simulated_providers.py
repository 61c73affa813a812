"""Every provider, simulated from its documentation, against a running vault and its adapter."""

import secrets
from collections.abc import Iterator

import pytest

from tests.servers.ports import free_ports
from tests.servers.vault_process import VaultProcess, vault_process
from tests.support.tenant import WITHOUT_EVIDENCE
from vault.errors import Invalid, VaultError
from vault.simulator.registry import SIMULATED, STEERED
from vault.simulator.simulate import Outcome, simulate
from vault.simulator.vault_client import VaultClient
from vault.telephony.registry import PROVIDERS

ADAPTERS = [provider.name for provider in PROVIDERS if provider.name != "platform"]
#: These list their recordings, so the vault finds the recording of a missed webhook.
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
    outcome = await played(connected, key, provider, simulator, way="switched_off")
    assert outcome.failures == ()


@pytest.mark.parametrize(
    "provider", [name for name in ADAPTERS if name in {"aircall", "twilio", "vonage", "telnyx"}]
)
async def test_a_dead_url_is_overcome(
    connected: VaultProcess, key: str, simulator: str, provider: str
) -> None:
    """The announced URL is refused, and the recording becomes available all the same."""
    outcome = await played(connected, key, provider, simulator, way="expired")
    assert outcome.failures == ()


@pytest.mark.parametrize("provider", LISTING)
async def test_a_missed_webhook_is_made_good(
    connected: VaultProcess, key: str, simulator: str, provider: str
) -> None:
    """The recording that nobody announced is found in the provider's list."""
    outcome = await played(connected, key, provider, simulator, way="missed")
    assert outcome.failures == ()


@pytest.mark.parametrize("provider", ADAPTERS)
async def test_what_nobody_was_told_of_waits_for_an_admin(
    connected: VaultProcess, key: str, simulator: str, provider: str
) -> None:
    """Quarantined, not to be heard, the provider's copy still there; released, it is available and whole."""
    outcome = await played(connected, key, provider, simulator, way="silent")
    assert outcome.failures == ()


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
@pytest.mark.parametrize("provider", STEERED)
async def test_documents_lead_a_call_to_its_evidence(
    connected: VaultProcess, key: str, simulator: str, provider: str, direction: str
) -> None:
    """The notice is played, the recording begun where the document says so, and nobody need tell of consent."""
    outcome = await played(connected, key, provider, simulator, way="steered", direction=direction)
    assert outcome.failures == ()


@pytest.mark.parametrize("press", ["1", "9"])
@pytest.mark.parametrize("provider", STEERED)
async def test_a_key_in_the_middle_of_the_notice_decides(
    connected: VaultProcess, key: str, simulator: str, provider: str, press: str
) -> None:
    """With 1 the call is recorded; with 9 it is not, and what was recorded all the same is refused, not stored."""
    outcome = await played(connected, key, provider, simulator, way="steered", press=press)
    assert outcome.failures == ()


async def test_a_steered_account_may_have_calls_both_ways(
    connected: VaultProcess, key: str, simulator: str
) -> None:
    """With a notice for either side, a platform that does not say who called whom is still understood."""
    account = f"sim-{secrets.token_hex(4)}"
    for direction in ("inbound", "outbound", "inbound"):
        outcome = await simulate(
            "telnyx",
            connected.url,
            key,
            account=account,
            listen=simulator,
            direction=direction,
            way="steered",
        )
        assert outcome.failures == ()


@pytest.mark.parametrize(
    "impossible",
    [
        ("aircall", {"way": "steered"}, "requests no documents"),
        ("twilio", {"way": "steered", "press": "5"}, "1 accepts and 9 declines"),
        ("twilio", {"press": "9"}, "needs --steered"),
        ("vonage", {"way": "missed"}, "no list of recordings"),
    ],
    ids=["no-documents", "a-key-without-meaning", "a-key-without-documents", "no-list"],
)
async def test_what_cannot_be_simulated_is_said(
    connected: VaultProcess, key: str, simulator: str, impossible: tuple[str, dict[str, str], str]
) -> None:
    """One sentence says why."""
    provider, ways, says = impossible
    with pytest.raises(Invalid, match=says):
        await played(connected, key, provider, simulator, **ways)


async def test_silence_is_not_simulated_where_no_evidence_is_wanted(
    connected: VaultProcess, key: str, simulator: str
) -> None:
    """An account that accepts recordings without evidence has no quarantine to show."""
    account = f"sim-{secrets.token_hex(4)}"
    admin = VaultClient(connected.url, key, account)
    await admin.must("PUT", body={})
    await admin.must("PATCH", "/consent-policy", WITHOUT_EVIDENCE)
    with pytest.raises(VaultError, match="--silent needs quarantine"):
        await simulate("twilio", connected.url, key, account=account, listen=simulator, way="silent")


async def test_a_vault_that_may_not_fetch_says_what_to_do(connected: VaultProcess, key: str) -> None:
    """The simulation ends immediately, with the setting that is missing."""
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
    assert (
        good.stdout.count("told: the caller heard it") == good.stdout.count("told: the callee heard it") == 1
    )
    assert key not in good.stdout
    bad = connected.command("simulate", *common, "--listen", f"127.0.0.1:{free_ports(1)[0]}")
    assert bad.returncode == 1
    assert "VAULT_MEDIA_ALLOW" in bad.stdout
