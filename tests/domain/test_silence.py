"""What is unusually long without a webhook depends on the pauses of the connection itself."""

from datetime import timedelta

import pytest

from vault.domain.accounts.silence import DAYS, silent_after


@pytest.mark.parametrize(
    ("days", "after"),
    [("1" * DAYS, 2), ("1011111" * 2, 4), ("1111100" * 2, 6), ("10" * 7, 4), ("11111" + "0" * 6 + "111", 14),
     ("11111" + "0" * 7 + "11", None), ("1111" + "0" * 10, None), ("1" + "0" * 13, None)],
    ids=["each day", "but one", "but weekends", "every other", "a week's pause", "a longer one", "few days", "one day"],
)  # fmt: skip
def test_it_is_silent_after_twice_its_longest_pause(days: str, after: int | None):
    """In days; never for one that seldom has any."""
    found = silent_after([one == "1" for one in days])
    assert found == (None if after is None else timedelta(days=after))
