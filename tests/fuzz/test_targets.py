"""The targets themselves: they hold for what they begin with, and for what lies beside it."""

import random

import pytest

from tests.support.fuzz_targets import TARGETS, _quiet
from vault.errors import Invalid

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds_for_its_seeds_and_their_neighbours(name: str) -> None:
    """Each seed whole, cut, doubled and with bytes changed; what ``make fuzz`` does is far more of this."""
    target, chance = TARGETS[name], random.Random(name)  # noqa: S311 - the same again
    for seed in target.seeds:
        target.run(seed)
        target.run(seed + seed)
        for _ in range(50):
            data = bytearray(seed[: chance.randrange(len(seed) + 1)])
            for _ in range(chance.randrange(1, 5)):
                if data:
                    data[chance.randrange(len(data))] = chance.randrange(256)
            target.run(bytes(data))


def test_a_wrong_parser_is_found_out() -> None:
    """A target that swallows everything would find nothing: this one lets an IndexError out."""
    with pytest.raises(IndexError):
        _quiet(lambda data: data[0], Invalid)(b"")
