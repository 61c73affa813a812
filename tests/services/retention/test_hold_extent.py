"""What the holds of an account name together has a limit: each erasure reads it, in the transaction of the writer."""

import pytest

from tests.support.retention import end_grace, place, release
from tests.support.service_house import House
from vault.domain.retention.hold import MAX_COVERED
from vault.errors import Refused
from vault.services.retention import place_hold
from vault.services.retention.place_hold import MAX_CHARACTERS, MAX_HOLDS


async def _extent(house: House) -> tuple[int, int]:
    return await house.database.read(lambda tx: tx.holds.extent(house.account.id, tx.now()))


async def test_the_largest_hold_fits_several_times(house: House):
    """Of 500 numbers as an account writes them; a tenth of the limit, so that 5,000 fit."""
    await place(house, numbers=[f"+1202555{number:04}" for number in range(MAX_COVERED)])
    holds, characters = await _extent(house)
    assert holds == 1
    assert 10 * characters < MAX_CHARACTERS


async def test_above_the_limit_another_hold_is_refused(either: House, monkeypatch: pytest.MonkeyPatch):
    """Nothing of it is stored, and one that names nothing has room; what is released counts until its grace is over."""
    first = (await place(either, calls=[f"call-{number}" for number in range(100)])).hold
    before = await _extent(either)
    monkeypatch.setattr(place_hold, "MAX_CHARACTERS", before[1] + 500)
    others = [f"other-{number}" for number in range(100)]
    with pytest.raises(Refused) as refused:
        await place(either, calls=others)
    assert refused.value.reasons == ("too_many_numbers",)
    assert await _extent(either) == before
    await place(either, everything=True)
    await release(either, first.id)
    with pytest.raises(Refused):
        await place(either, calls=others)
    await end_grace(either, first.id)
    await place(either, calls=others)


async def test_above_the_number_of_holds_another_one_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    """Each counts, whatever it names."""
    assert MAX_HOLDS == 1000
    monkeypatch.setattr(place_hold, "MAX_HOLDS", 1)
    await place(house, calls=["call-1"])
    with pytest.raises(Refused) as refused:
        await place(house, calls=["call-2"])
    assert refused.value.reasons == ("too_many_holds",)
    assert (await _extent(house))[0] == 1
