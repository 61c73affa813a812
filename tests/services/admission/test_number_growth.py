"""What one more fact of a call costs does not grow with the facts, places and recordings that the call has already."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import Any

import phonenumbers
import pytest

from tests.support.parties import ME, set_policy, through_the_gate
from tests.support.service_house import House
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import State
from vault.services.consent.consent_records import ConsentRequest
from vault.telephony.numbering import number_plans

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
CALL = "call-1"
#: Facts of a call, each of which is twice the one before.
SIZES = (8, 16, 32)
#: How often libphonenumber's parser runs to tell the place of one number.
PARSES = 2


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect the texts that libphonenumber parses."""
    parsed, parse = list[str](), phonenumbers.parse

    def seen(text: str, *args: Any, **named: Any) -> Any:
        parsed.append(text)
        return parse(text, *args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(phonenumbers, "parse", seen)
        yield parsed


def national(place: int) -> CallFacts:
    """Return a fact with two national numbers and two places that no other has."""
    return CallFacts(
        call_ref=CALL,
        direction="inbound",
        caller=f"0{2_000_000 + place * 7919:09d}",
        callee=f"0{3_000_000 + place * 104_729:09d}",
        caller_place=REGIONS[2 * place % len(REGIONS)],
        callee_place=REGIONS[(2 * place + 1) % len(REGIONS)],
    )


def international(place: int) -> CallFacts:
    """Return a fact with two numbers that no other has, and no places."""
    return CallFacts(
        call_ref=CALL, direction="inbound", caller=f"+3361234{place:04d}", callee=f"+1202555{place:04d}"
    )


async def cost_of_one_more(
    house: House, said: Callable[[int], CallFacts], monkeypatch: pytest.MonkeyPatch, *, forget: bool
) -> dict[int, dict[str, int]]:
    """Return how many texts each act parses once the call has so many facts."""
    account, found, stored = house.account.id, dict[int, dict[str, int]](), 0

    def consent() -> Awaitable[Any]:
        wish = ConsentRequest(party="caller", answer="announced", method="announcement", at=datetime.now(UTC))
        return house.vault.consent.records.report(account, CALL, wish, **ME)

    for size in SIZES:
        while stored < size:
            await house.vault.recordings.calls.start(account, said(stored))
            stored += 1
        found[size] = {}
        more = replace(said(900 + size), agent=f"agent {size}")
        if more.caller_place is not None:
            # Plans differ in how often their numbers are parsed: the same for each size.
            written = {"caller": f"06123456{size:02d}", "callee": f"06987654{size:02d}"}
            more = replace(more, **written, caller_place="FR", callee_place="FR")
        acts = {
            "fact": partial(house.vault.recordings.calls.start, account, more),
            "consent": consent,
            "read": partial(house.vault.recordings.calls.read, account, CALL),
        }
        for name, act in acts.items():
            if forget:
                number_plans._read.cache_clear()
                number_plans._readings.cache_clear()
            with counted(monkeypatch) as parsed:
                await act()
            found[size][name] = len(parsed)
    return found


@pytest.mark.parametrize("said", [national, international])
async def test_one_more_fact_parses_its_own_numbers_alone(house: House, monkeypatch, said):
    """With facts, places and numbers doubled twice; nothing else parses any."""
    found = await cost_of_one_more(house, said, monkeypatch, forget=False)
    assert found[8]["fact"] > 0
    assert found[8] == found[16] == found[32]
    assert (found[8]["consent"], found[8]["read"]) == (0, 0)


@pytest.mark.parametrize("said", [national, international])
async def test_without_what_is_remembered_a_number_is_parsed_once(house: House, monkeypatch, said):
    """In a process that has just begun, or whose cache is full: no number more often than once, and no place counts."""
    found = await cost_of_one_more(house, said, monkeypatch, forget=True)
    for act in ("fact", "consent", "read"):
        # A step of the size adds two numbers for each fact, and for the one that was added between.
        for low, high in pairwise(SIZES):
            assert found[high][act] - found[low][act] <= PARSES * 2 * (high - low + 1), (act, found)


async def test_recordings_of_a_call_add_no_numbers_to_read(house: House, monkeypatch):
    """Each passes the gate, which parses nothing that a fact of the call has."""
    await set_policy(house, missing_evidence="accept", reason="a test")
    found = []
    for size in SIZES:
        while len(found) < size:
            say = {"from": "0612345678", "to": "+12025550100", "from_place": "FR", "direction": "inbound"}
            with counted(monkeypatch) as parsed:
                ref = await house.announce(f"rec-{len(found)}", call_ref=CALL, **say)
                assert await through_the_gate(house, str(ref.recording_id)) is State.AVAILABLE
            found.append(len(parsed))
    # What the webhook says is normalized each time.
    assert set(found[1:]) == {found[1]}
    assert found[1] <= 2
