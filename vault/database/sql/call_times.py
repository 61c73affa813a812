"""Reported times of calls in conditions."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case

from vault.domain.calls.call import BEYOND_CALLS, FIRST_CALL


def plausible_at(at: ColumnElement[Any]) -> ColumnElement[datetime]:
    """Return a column of times of calls, null where no call can have been then, as ``plausible`` does."""
    return case(((at >= FIRST_CALL) & (at < BEYOND_CALLS), at))
