"""Conditions of several stores: pages of a list that is sorted by time and id, and reported times of calls."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, or_

from vault.domain.calls.call import BEYOND_CALLS, FIRST_CALL


def earlier_than(
    at: ColumnElement[Any], item_id: ColumnElement[Any], place: tuple[datetime, str] | None
) -> list[ColumnElement[bool]]:
    """Return the conditions for rows before the item ``place``; none without one."""
    if place is None:
        return []
    # The first condition is implied; it lets an index begin at the place.
    return [at <= place[0], or_(at < place[0], (at == place[0]) & (item_id < place[1]))]


def later_than(
    at: ColumnElement[Any], item_id: ColumnElement[Any], place: tuple[datetime, str] | None
) -> list[ColumnElement[bool]]:
    """Return the conditions for rows after the item ``place``; none without one."""
    if place is None:
        return []
    return [at >= place[0], or_(at > place[0], (at == place[0]) & (item_id > place[1]))]


def plausible_at(at: ColumnElement[Any]) -> ColumnElement[datetime]:
    """Return a column of times of calls, null where no call can have been then, as ``plausible`` does."""
    return case(((at >= FIRST_CALL) & (at < BEYOND_CALLS), at))
