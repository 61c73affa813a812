"""What a request costs that names many numbers: a few parses each; only those with calls are compared with others."""

from collections.abc import Iterator
from datetime import UTC, datetime

import phonenumbers
import pytest

from tests.support.parties import CALLER, let_in
from tests.support.service_house import House
from vault.services.retention.contact_ends import ContactChange
from vault.telephony.numbering import number_plans

#: Parses of a number that has no call, and of one that has: its spellings in the plan of every country.
FEW, ALL = 15, 2500


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Count the parses of numbers; nothing is known from tests before."""
    count, parse = [0], phonenumbers.parse

    def counted(*given: object, **named: object) -> phonenumbers.PhoneNumber:
        count[0] += 1
        return parse(*given, **named)

    monkeypatch.setattr(phonenumbers, "parse", counted)
    for cached in (number_plans._confusable, number_plans._readings, number_plans._read):
        cached.cache_clear()
    return count


async def _end(house: House, numbers: list[str]) -> ContactChange:
    return await house.vault.retention.contact_ends.end(
        house.account.id, numbers=numbers, calls=(), ended_at=datetime(2026, 11, 1, tzinfo=UTC), actor="key_x"
    )


async def test_numbers_without_calls_cost_a_few_parses_each(either: House, parses: list[int]):
    """Wrong: to read each spelling of each by the plan of every country, for calls that are not there."""
    assert await _end(either, [f"+1415{3000000 + number}" for number in range(60)]) == ContactChange()
    assert parses[0] < 60 * FEW


async def test_only_a_number_with_calls_is_compared_with_others(either: House, parses: list[int]):
    """Once, however many calls it has; the same again reads nothing."""
    for number in range(3):
        recording_id = await let_in(either, f"rec-{number}", call_ref=f"call-{number}")
        await either.set(recording_id, call_started_at=datetime(2020, 1, 1, tzinfo=UTC))
    parses[0] = 0
    numbers = [CALLER, *(f"+1415{3000000 + number}" for number in range(20))]
    change = await _end(either, numbers)
    assert (change.recordings, change.possible) == (3, 0)
    assert 21 * FEW < parses[0] < 21 * FEW + ALL
    first, parses[0] = parses[0], 0
    await _end(either, numbers)
    assert parses[0] < first / 2
