"""Names of account objects: read back, ordered, and sorted by the history that they are of."""

import pytest

from vault.domain.stored.account_object_name import (
    LogState,
    ObjectName,
    location_of,
    name_at,
    parse_location,
    sort_names,
)

ACCOUNT = "acct_" + "a" * 32


def root(letter: str) -> bytes:
    """Return a root that begins with this hexadecimal digit."""
    return bytes.fromhex(letter * 64)


def name(size: int, letter: str, revision: int) -> ObjectName:
    """Return the name of an object that was written behind a log of this size and root."""
    return name_at(ACCOUNT, revision, LogState(size=size, root=root(letter)))


def test_a_name_comes_back_as_what_it_was_made_of():
    """Keys of one history are in the order of log and revision; other keys are none."""
    for one in (name(0, "a", 1), name(10**18, "b", 10**15), ObjectName(account_id=ACCOUNT, revision=12)):
        assert parse_location(location_of(one)) == one
    assert location_of(name(12, "a", 5)) == f"accounts/{ACCOUNT}/{12:020}-{'a' * 16}-{5:012}.json"
    assert location_of(ObjectName(account_id=ACCOUNT, revision=5)) == f"accounts/{ACCOUNT}/{5:012}.json"
    assert location_of(name(9, "f", 9)) < location_of(name(10, "a", 9)) < location_of(name(10, "a", 10))


@pytest.mark.parametrize(
    "key",
    [
        "accounts/acct_x/000000000001.json", "accounts/acct_a/1.json", "xaccounts/acct_a/000000000001.json",
        f"accounts/acct_a/{1:020}-{'g' * 16}-{1:012}.json", f"accounts/acct_a/{1:020}-{'a' * 15}-{1:012}.json",
        f"accounts/acct_a/{1:019}-{'a' * 16}-{1:012}.json", f"accounts/acct_a/{'9' * 20}-{'a' * 16}-{1:012}.json",
        f"accounts/acct_a/{1:020}-{'a' * 16}-{1:012}.json\n", f"accounts/acct_a/{'9' * 19}.json",
    ],
)  # fmt: skip
def test_another_key_has_no_name(key):
    """Letters that are no digits, too few of them, numbers that no column holds."""
    assert parse_location(key) is None


def test_names_are_sorted_by_history_and_the_newest_comes_first():
    """A revision of a lost time beats nothing; one that the tree does not reach is neither own nor foreign."""
    old = [ObjectName(account_id=ACCOUNT, revision=revision) for revision in (3, 99)]
    mine = [name(5, "a", 4), name(8, "b", 5), name(8, "b", 6)]
    lost = [name(5, "c", 40), name(8, "a", 7)]
    ahead = [name(9, "d", 3), name(12, "e", 2)]
    found = sort_names([*lost, *old, *mine, *ahead], {5: root("a"), 8: root("b")})
    assert list(found.own) == [*reversed(mine), *reversed(old)]
    assert list(found.ahead) == [*reversed(ahead)]
    assert list(found.foreign) == [*reversed(lost)]
