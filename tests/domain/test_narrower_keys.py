"""The limits that a key which signs links has in both of two states."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.test_signed_token import ED, key_of
from vault.domain.playback.link_key import narrower

_NETWORKS = st.lists(
    st.tuples(st.integers(0, 255), st.integers(0, 16)).map(
        lambda one: str(ip_network(f"10.{one[0]}.0.0/{one[1] + 8}", strict=False))
    ),
    max_size=3,
)


def permits(networks: tuple[str, ...], address: str) -> bool:
    """Say whether a link that is limited to these networks opens from an address."""
    return not networks or any(ip_address(address) in ip_network(one) for one in networks)


@given(_NETWORKS, _NETWORKS, st.integers(0, 255), st.integers(0, 255))
def test_a_network_is_permitted_if_both_permit_it(first: list[str], second: list[str], b: int, c: int):
    """For any address, and in either order."""
    one, other = (replace(key_of(ED), networks=tuple(each)) for each in (first, second))
    address = f"10.{b}.{c}.1"
    wanted = permits(one.networks, address) and permits(other.networks, address)
    assert permits(narrower(one, other).networks, address) is wanted
    assert permits(narrower(other, one).networks, address) is wanted


def test_networks_of_two_versions_share_nobody():
    """An empty list would mean everybody."""
    one, other = replace(key_of(ED), networks=("::/0",)), replace(key_of(ED), networks=("10.0.0.0/8",))
    assert not permits(narrower(one, other).networks, "10.0.0.1")
    assert narrower(one, other).networks


@pytest.mark.parametrize(
    ("field", "wide", "narrow"),
    [
        ("max_life", 600, 60),
        ("max_sessions", 5, 1),
        ("kinds", ("player", "media"), ("player",)),
        ("download", True, False),
        ("not_after", None, datetime(2026, 1, 1, tzinfo=UTC)),
        ("not_after", datetime(2027, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_each_limit_is_the_narrower_one(field: str, wide: object, narrow: object):
    """In either order."""
    one, other = (replace(key_of(ED), **{field: value}) for value in (wide, narrow))
    assert getattr(narrower(one, other), field) == getattr(narrower(other, one), field) == narrow
