"""An account's callback, as in its row and in the account's object."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCallback:
    """The callback of an account; URL and secret are sealed as words of the account."""

    sealed: str
    set_at: datetime
    set_by: str
