"""Pages of a list that is sorted by time and id."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_


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
