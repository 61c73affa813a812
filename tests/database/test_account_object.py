"""The text of an account's object is read strictly, and every part of it comes back."""

from dataclasses import replace

import pytest

from tests.support.stored_account import EVERY, KNOWN, LATER_PARTS, NEWEST, NEWEST_PARTS, WHOLE, having
from tests.support.stored_objects import ENVELOPE
from tests.support.strict_objects import NO_OBJECTS, check_damage, check_fields
from vault.database.account_object import PARTS, AccountObject, decode_account, differences, encode_account
from vault.database.account_parts.keys import KEYS
from vault.database.account_parts.part import OptionalPart
from vault.errors import Tampered

STORED = [
    pytest.param(KNOWN, id="first release"),
    pytest.param(WHOLE, id="0.2.0"),
    pytest.param(NEWEST, id="every field"),
    pytest.param(EVERY, id="every part"),
]


def read(data: bytes) -> AccountObject:
    """Decode the text of the account."""
    return decode_account(data, ENVELOPE)


@pytest.mark.parametrize(
    "known", [KNOWN, WHOLE, NEWEST, EVERY], ids=["first release", "0.2.0", "every field", "every part"]
)
def test_what_was_written_comes_back(known: AccountObject):
    """Every value of every part."""
    assert read(encode_account(known)) == known


def test_keys_of_an_account_are_those_that_were_sealed():
    """Anyone who adds or takes a version in clear changes nothing."""
    forged = replace(ENVELOPE, keys={1: b"forged"})
    assert decode_account(encode_account(KNOWN), forged)[KEYS] == KNOWN[KEYS]


def test_each_field_is_needed_and_none_more():
    """What later releases added may be absent; a value of another type is Tampered."""
    parts = {**LATER_PARTS, **NEWEST_PARTS}
    later = {part.name for part in parts} | {"month_keys"}
    nullable = {part.name for part in parts if isinstance(part, OptionalPart)} | {"grace_until"}
    check_fields(encode_account(having(WHOLE, NEWEST_PARTS)), read, nullable=nullable, optional=later)


@pytest.mark.parametrize("text", NO_OBJECTS)
def test_what_is_no_object_is_tampered(text: bytes):
    """Nothing but Tampered comes out, whatever the bytes are."""
    with pytest.raises(Tampered):
        read(text)


@pytest.mark.parametrize(
    "known", [KNOWN, WHOLE, NEWEST, EVERY], ids=["first release", "0.2.0", "every field", "every part"]
)
def test_changed_bytes_are_tampered_or_read_whole(known: AccountObject):
    """Bits flipped, pieces cut and doubled: Tampered, or an object that can be written again; nothing else."""
    check_damage(encode_account(known), read, seed="account")


@pytest.mark.parametrize("part", [*LATER_PARTS, *NEWEST_PARTS], ids=lambda part: part.name)
def test_each_part_is_compared(part):
    """An object that lacks what the rows have, or has what they lack, is named with the words of the part."""
    less = having(EVERY, {part: KNOWN[part]})
    assert differences(less, EVERY) == differences(EVERY, less) == [part.words]


def test_keys_are_compared():
    """Each of them, but for a detail key of the newest version that the rows have for the first time."""
    keys, newest = WHOLE[KEYS], max(WHOLE[KEYS].versions)
    new = replace(keys, detail_keys={**keys.detail_keys, newest: (b"new", newest)})
    assert KEYS.differences(keys, new) == []
    for other in (
        replace(keys, versions={1: b"one"}),
        replace(keys, wrapped_index_key=b"other"),
        replace(keys, month_keys=()),
        replace(keys, detail_keys={}),
        replace(new, detail_keys={newest: (b"new", newest)}),
    ):
        assert KEYS.differences(other, new) == KEYS.differences(new, other) == ["keys"]
    assert KEYS.differences(replace(new, detail_keys={**new.detail_keys, newest: (b"x", newest)}), new) == [
        "keys"
    ]


def test_the_whole_account_has_every_part():
    """So no part is left out above."""
    assert all(EVERY[part] for part in PARTS)
    assert differences(EVERY, replace(EVERY, revision=99)) == []
