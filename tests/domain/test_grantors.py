"""The table of what gives a right: every kind begins with an event, and nobody gives more than he has."""

import itertools
from typing import get_args

import pytest

from vault.domain.accounts.account import SCOPES
from vault.domain.audit_log.event_types.table import EVENT_TYPES
from vault.domain.audit_log.grantors import GRANTORS, GrantorName, scopes_beyond


def test_every_kind_of_permission_begins_with_an_event():
    """And stands in the table, with what it gives."""
    assert {rules.grants for rules in EVENT_TYPES.values()} - {None} == set(GRANTORS)
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
