"""The table of what gives a right: every event is in it, and nobody gives more than he has."""

import itertools
from typing import get_args

import pytest

from vault.domain.accounts.account import SCOPES
from vault.domain.audit_log.access_event import EventType
from vault.domain.audit_log.grantors import GRANTORS, GRANTS_NOTHING, GrantorName, scopes_beyond


def test_every_event_says_whether_it_gives_a_right():
    """A new kind of permission is an event; it stands in the table, with what it gives, or among the others."""
    granting = [event for grantor in GRANTORS.values() for event in grantor.events]
    assert len(granting) == len(set(granting))
    assert set(granting) | GRANTS_NOTHING == set(get_args(EventType))
    assert not set(granting) & GRANTS_NOTHING
    assert set(GRANTORS) == set(get_args(GrantorName))


@pytest.mark.parametrize("kind", GRANTORS)
def test_nobody_gives_more_than_he_has(kind: GrantorName):
    """With each two scopes, and each scope to give: refused are exactly those that the maker lacks."""
    grantor, tried = GRANTORS[kind], 0
    for has in itertools.combinations(SCOPES, 2):
        for chosen in [(), *((one,) for one in sorted(grantor.chosen))]:
            beyond = scopes_beyond(kind, set(has).__contains__, chosen)
            assert set(beyond) == (grantor.always | set(chosen)) - set(has)
            tried += 1
    assert tried >= len(SCOPES)


def test_what_the_table_does_not_say_is_no_question():
    """A door that gives something of which the table says nothing is a mistake of ours."""
    with pytest.raises(ValueError, match="link_key"):
        scopes_beyond("link_key", lambda _: True, ["keys:write"])
