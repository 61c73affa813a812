"""The simulation's own checks: each of them fails when what it checks is wrong."""

import io
import wave
from datetime import timedelta

import pytest

from tests.simulator.scene import AUDIO, NOW, a_call, simulated
from vault.simulator.admin import chime
from vault.simulator.checks import (
    check_audio,
    check_facts,
    check_nothing_kept,
    check_prompt,
    check_renewal,
    check_unheard,
    refused_by_settings,
)
from vault.simulator.server import Exchange, ProviderServer
from vault.simulator.simulate import result_of
from vault.simulator.vault_client import VaultAnswer

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


def test_a_direction_that_nobody_told_is_not_asked_for() -> None:
    """And it is, where it was told."""
    told = TOLD | {"direction": None}
    for directed, failures in ((False, 0), (True, 1)):
        found = check_facts(CALL, told, starts=[CALL.started_at], agent="Robin", directed=directed)
        assert len(list(found)) == failures


@pytest.mark.parametrize(("seconds", "failures"), [(-11, 1), (-9, 0), (9, 0), (11, 1)])
def test_a_call_may_begin_when_its_document_was_asked_for(seconds: int, failures: int) -> None:
    """Within ten seconds, because asking takes a moment; without such a moment nothing but the true start is right."""
    asked_at = NOW + timedelta(hours=1)
    told = TOLD | {"started_at": (asked_at + timedelta(seconds=seconds)).isoformat()}
    found = check_facts(CALL, told, starts=[CALL.started_at], agent="Robin", asked_at=asked_at)
    assert len(list(found)) == failures
    assert len(list(check_facts(CALL, told, starts=[CALL.started_at], agent="Robin"))) == 1


@pytest.mark.parametrize(
    ("status", "deleted", "failures"),
    [(404, False, 0), (409, False, 0), (200, False, 1), (500, False, 1), (404, True, 1)],
)
def test_nobody_hears_what_is_in_quarantine(status: int, deleted: bool, failures: int) -> None:
    """A refusal is right, anything else is named; and the provider's copy must be there still."""
    assert len(list(check_unheard(VaultAnswer(status, b""), deleted))) == failures


def wav(*, rate: int = 8000, channels: int = 1, frames: int = 80) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * channels * frames))
    return out.getvalue()


@pytest.mark.parametrize(
    ("status", "body", "failures"),
    [
        (200, wav(), 0),
        (200, chime(), 0),
        (404, wav(), 1),
        (200, b"", 1),
        (200, b"ID3 no WAV", 1),
        (200, wav()[:20], 1),
        (200, wav(rate=44100), 1),
        (200, wav(channels=2), 1),
        (200, wav(frames=0), 1),
    ],
    ids=["right", "chime", "not-there", "empty", "mp3", "cut", "hi-fi", "stereo", "no-frames"],
)
def test_a_prompt_is_a_wav_file_of_telephony(status: int, body: bytes, failures: int) -> None:
    """8 kHz and one channel, with something in it."""
    assert len(list(check_prompt(VaultAnswer(status, body)))) == failures


def test_audio_is_compared_byte_by_byte() -> None:
    """The same bytes alone are right."""
    assert list(check_audio(AUDIO, VaultAnswer(200, AUDIO))) == []
    assert len(list(check_audio(AUDIO, VaultAnswer(200, AUDIO + b"x")))) == 1
    assert len(list(check_audio(AUDIO, VaultAnswer(404, AUDIO)))) == 1


def test_nothing_may_be_kept() -> None:
    """Neither a fetch nor an answer with audio."""
    assert list(check_nothing_kept(0, VaultAnswer(404, b""))) == []
    assert len(list(check_nothing_kept(1, VaultAnswer(200, b"")))) == 2


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


@pytest.mark.parametrize(
    ("failures", "line"), [(0, "everything holds"), (1, "1 thing does not hold"), (2, "2 things do not hold")]
)
def test_the_result_is_a_sentence(failures: int, line: str) -> None:
    """Also of one thing."""
    assert result_of(failures) == line
