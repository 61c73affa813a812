"""A receipt is verified for a number in any spelling: the person types what is on a bill."""

import secrets

import pytest

from tests.support.spellings import EVERY, NUMBER, OTHERS
from vault.cli.receipt import _check_number
from vault.domain.requests.receipt import commitment
from vault.errors import VaultError


def subject(number: str) -> dict[str, object]:
    """Return what a receipt says of its number."""
    salt = secrets.token_bytes(32)
    return {"salt": salt.hex(), "commitments": [commitment(salt, number)]}


@pytest.mark.parametrize("written", EVERY)
def test_a_receipt_is_about_its_number_in_every_spelling(written: str) -> None:
    """Those without their country too: the receipt tells which one it is."""
    _check_number(subject(NUMBER), written)


def test_national_numbers_that_begin_with_a_zero_are_found() -> None:
    """Those of Italy, and of countries that dial something else in front."""
    for number, written in (("+390612345678", "06 1234 5678"), ("+3612345678", "06 1 234 5678")):
        _check_number(subject(number), written)


@pytest.mark.parametrize("written", OTHERS)
def test_a_receipt_is_not_about_another_number(written: str) -> None:
    """The error repeats nothing of it."""
    with pytest.raises(VaultError, match=r"^The receipt is not about this number\.$"):
        _check_number(subject(NUMBER), written)
