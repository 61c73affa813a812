"""The simulation's own checks: each of them fails when what it checks is wrong."""

import pytest

from tests.simulator.scene import AUDIO, a_call, simulated
from vault.simulator.checks import (
    check_audio,
    check_facts,
    check_nothing_kept,
    check_renewal,
    refused_by_settings,
)
from vault.simulator.server import Exchange, ProviderServer
from vault.simulator.vault_client import Answered

CALL = a_call(simulated("aircall"))
TOLD = {
    "direction": "inbound",
    "from": CALL.caller,
    "to": CALL.callee,
    "agent": "Robin",
    "started_at": "2026-11-24T11:59:20.000Z",
    "ended_at": "2026-11-24T12:00:00.000Z",
}


def facts(**other: object) -> list[str]:
    return list(check_facts(CALL, TOLD | other, starts=[CALL.started_at], agent="Robin"))


def server(*exchanges: Exchange) -> ProviderServer:
    return ProviderServer(authority="127.0.0.1:8090", exchanges=list(exchanges))


def test_the_right_facts_are_right() -> None:
    """Nothing is found where everything is as it was simulated."""
    assert facts() == []


@pytest.mark.parametrize("name", TOLD)
@pytest.mark.parametrize("value", [None, "2026-11-24T12:00:01Z"])
def test_each_wrong_fact_is_named(name: str, value: str | None) -> None:
    """Missing or other: the sentence names the field, and only it."""
    (failure,) = facts(**{name: value})
    assert f"call's {name} " in failure


def test_an_agent_that_nobody_told_is_not_asked_for() -> None:
    """Whatever the vault shows then."""
    assert list(check_facts(CALL, TOLD | {"agent": None}, starts=[CALL.started_at], agent=None)) == []


def test_audio_is_compared_byte_by_byte() -> None:
    """The same bytes alone are right."""
    assert list(check_audio(AUDIO, Answered(200, AUDIO))) == []
    assert len(list(check_audio(AUDIO, Answered(200, AUDIO + b"x")))) == 1
    assert len(list(check_audio(AUDIO, Answered(404, AUDIO)))) == 1


def test_nothing_may_be_kept() -> None:
    """Neither a fetch nor an answer with audio."""
    assert list(check_nothing_kept(0, Answered(404, b""))) == []
    assert len(list(check_nothing_kept(1, Answered(200, b"")))) == 2


DEAD, FRESH = Exchange("GET", "/media", 403), Exchange("GET", "/media", 200)
ASKED = Exchange("GET", "/v1/calls/1", 200)


@pytest.mark.parametrize(
    ("exchanges", "renews", "failures"),
    [
        ([DEAD, ASKED, FRESH], True, 0),
        ([DEAD, FRESH], True, 1),
        ([DEAD, FRESH], False, 0),
        ([ASKED, DEAD, FRESH], True, 1),
        ([ASKED, FRESH], True, 1),
        ([], False, 1),
    ],
    ids=["renewed", "not-asked", "once", "asked-before", "never-dead", "nothing"],
)
def test_a_renewal_is_dead_asked_and_fetched_in_this_order(
    exchanges: list[Exchange], renews: bool, failures: int
) -> None:
    """Anything else is named."""
    assert len(list(check_renewal(server(*exchanges), renews=renews))) == failures


def test_a_vault_that_may_not_fetch_is_told_what_to_do() -> None:
    """The sentence names the setting; where the simulator was reached, it is another trouble."""
    failed = {"reasons": [{"code": "fetch_failed", "text": "..."}]}
    assert "VAULT_MEDIA_ALLOW=127.0.0.1:8090" in (refused_by_settings(server(), failed) or "")
    assert refused_by_settings(server(DEAD), failed) is None
    assert refused_by_settings(server(), {"reasons": []}) is None
