"""Who may open a link, how long a session lasts, and in which windows bytes are granted.

The limits that a key which signs links has in both of two states.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.test_signed_token import ED, key_of
from vault.domain.playback.link import (
    FIRST_WINDOW,
    MAX_WINDOW,
    Link,
    session_length,
    session_state,
    windows,
)
from vault.domain.playback.link_key import narrower
from vault.domain.recordings.recording import State

NETWORKS = [
    ((), None, True),
    ((), "203.0.113.9", True),
    (("10.0.0.0/8",), "10.255.255.255", True),
    (("10.0.0.0/8",), "11.0.0.0", False),
    (("192.0.2.7/32",), "192.0.2.7", True),
    (("192.0.2.7/32",), "192.0.2.8", False),
    (("10.0.0.0/8", "2001:db8::/32"), "2001:db8::1", True),
    (("10.0.0.0/8", "2001:db8::/32"), "2001:db9::1", False),
    (("0.0.0.0/0",), "2001:db8::1", False),
    (("::/0",), "192.0.2.7", False),
    # A listener on both families shows IPv4 clients like this; they are the same clients.
    (("10.0.0.0/8",), "::ffff:10.1.2.3", True),
    (("10.0.0.0/8",), "::ffff:11.1.2.3", False),
    (("10.0.0.0/8",), None, False),
    (("10.0.0.0/8",), "", False),
    (("10.0.0.0/8",), "unix:", False),
    (("10.0.0.0/8",), "10.0.0.1:80", False),
]
_NETWORKS = st.lists(
    st.tuples(st.integers(0, 255), st.integers(0, 16)).map(
        lambda one: str(ip_network(f"10.{one[0]}.0.0/{one[1] + 8}", strict=False))
    ),
    max_size=3,
)


@pytest.mark.parametrize(("networks", "address", "allowed"), NETWORKS)
def test_only_the_links_networks_may_open(networks, address, allowed):
    """Without networks anyone may; with them, an address that is unknown or outside may not."""
    assert Link.permits_address(SimpleNamespace(networks=networks), address) is allowed


@pytest.mark.parametrize(
    ("duration", "seconds"), [(None, 300), (0, 300), (149.9, 300), (150, 300), (151, 302), (43200, 86400)]
)
def test_a_session_lasts_twice_the_recording(duration, seconds):
    """At least five minutes."""
    assert session_length(duration) == timedelta(seconds=seconds)


NOW = datetime(2026, 1, 1, tzinfo=UTC)
STANDINGS = [
    ({}, "open"),
    ({"revoked_at": NOW}, "revoked"),
    ({"restricted": True}, "restricted"),
    # The right to play it is given when the link is made; the purpose says why somebody listens, no more.
    ({"restricted": True, "purpose": "legal_claims"}, "restricted"),
    ({"restricted": True, "purpose": "legal_claims", "plays_restricted": True}, "open"),
    ({"state": State.ERASING}, "erased"),
    ({"state": State.ERASED}, "erased"),
    # Quarantine: played to who decides about the consent alone.
    ({"state": State.QUARANTINED}, "erased"),
    ({"state": State.QUARANTINED, "purpose": "consent_check"}, "open"),
    ({"state": State.QUARANTINED, "purpose": "consent_check", "restricted": True}, "restricted"),
    ({"state": State.REFUSED, "purpose": "consent_check"}, "erased"),
    # What cannot be undone is said first.
    ({"state": State.ERASED, "restricted": True, "revoked_at": NOW}, "erased"),
    ({"restricted": True, "revoked_at": NOW}, "restricted"),
    ({"ends_at": NOW + timedelta(microseconds=1)}, "open"),
    # Whose time is over learns nothing of what came after.
    ({"ends_at": NOW}, "ended"),
    ({"ends_at": NOW, "state": State.ERASED}, "ended"),
    ({"ends_at": NOW, "revoked_at": NOW}, "ended"),
]


@pytest.mark.parametrize(("changed", "expected"), STANDINGS)
def test_a_session_stands_by_its_time_its_recording_and_its_link(changed, expected):
    """One word, and the strongest reason."""
    own = {"revoked_at": None, "purpose": None, "plays_restricted": False}
    wanted = own | {name: value for name, value in changed.items() if name in own}
    link = Link(
        id="link_1", account_id="acct_1", recording_id="rec_1", kind="player", created_by="key_1", created_at=NOW,
        expires_at=NOW, sessions=1, networks=(), download=False, listener_term=b"", sealed_listener=b"",
        key_version=1, **wanted,
    )  # fmt: skip
    fine = {"ends_at": NOW + timedelta(hours=1), "state": State.AVAILABLE, "restricted": False}
    row = SimpleNamespace(**(fine | changed))
    assert session_state(row, link, row, address=None, now=NOW) == expected


@given(st.integers(0, 2**33), st.integers(0, 2**28))
def test_windows_cover_the_range_once(start: int, length: int):
    """They follow each other without gap or overlap, and end exactly at the end."""
    cut = list(windows(start, start + length))
    assert [first for first, _ in cut] == [start, *(stop for _, stop in cut[:-1])][: len(cut)]
    assert sum(stop - first for first, stop in cut) == length
    assert all(first < stop for first, stop in cut)
    if cut:
        assert cut[-1][1] == start + length


def test_windows_double_from_the_first_to_the_largest():
    """The first bytes need little to be granted, and a long listening needs few grants."""
    sizes = [stop - first for first, stop in windows(0, 20 * 1024 * 1024)]
    expected = [FIRST_WINDOW * 2**n for n in range(7)]
    assert sizes[:7] == expected
    assert expected[-1] == MAX_WINDOW
    assert set(sizes[7:-1]) == {MAX_WINDOW}


@pytest.mark.parametrize("length", [0, 1, FIRST_WINDOW, FIRST_WINDOW + 1, 2 * FIRST_WINDOW - 1])
def test_a_short_range_is_one_window(length: int):
    """Nothing is no window; what is left after a window belongs to it, if it is less than a frame."""
    assert list(windows(0, length)) == ([(0, length)] if length else [])


@given(st.integers(0, 2**33), st.integers(1, FIRST_WINDOW))
def test_a_range_of_a_frame_is_one_window_wherever_it_begins(start: int, length: int):
    """A player that reads such ranges has one grant for each. Wrong: a second window for what crosses a frame."""
    assert list(windows(start, start + length)) == [(start, start + length)]


def test_two_frames_are_two_windows():
    """The first grant is less than two frames, so that a session that ends has little left to send."""
    assert list(windows(0, 2 * FIRST_WINDOW)) == [(0, FIRST_WINDOW), (FIRST_WINDOW, 2 * FIRST_WINDOW)]
    assert (
        max(stop - start for start, stop in [next(windows(n, 2**30)) for n in range(0, 2**18, 999)])
        <= FIRST_WINDOW
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
