"""The keys of an account: rotations of its account key, and its month keys.

A month key wraps the recording keys, and seals the call facts, of one account and one month.

The account key wraps the month keys. So a rotation of the account key wraps some month keys again instead of every
recording key, and no manifest changes.
"""

import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from vault.domain.field_types import FromOne
from vault.errors import Tampered

#: A month, and 8 random digits: two histories of a database never give one id to different keys.
_ID: Final = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-[0-9a-f]{8}")
_LONGEST_MONTH: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedMonthKey:
    """A month key, wrapped by a version of the account key."""

    #: The month, and random digits: ``2026-11-9f3a6c1e``.
    id: str
    #: The version of the account key when it was created. It seals new data only while that version is current.
    number: FromOne
    wrapped: bytes = field(repr=False)
    #: The version of the account key that wraps it now.
    key_version: FromOne

    @property
    def month(self) -> str:
        """The month: ``2026-11``."""
        return self.id[:7]


def month_of(at: datetime) -> str:
    """Return the month of a time, in UTC: ``2026-11``."""
    return f"{at.astimezone(UTC):%Y-%m}"


def month_after(at: datetime) -> str:
    """Return the month that follows the month of a time, in UTC."""
    return month_of(at.astimezone(UTC).replace(day=1) + _LONGEST_MONTH)


def new_month_key_id(month: str) -> str:
    """Return the id of a new key for a month."""
    return f"{month}-{secrets.token_hex(4)}"


def check_month_key_id(text: str) -> str:
    """Return an id from an object that may have been changed. Raises Tampered unless it is one."""
    if _ID.fullmatch(text) is None:
        raise Tampered("The id of a month key must be a month and 8 hexadecimal digits.")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotation:
    """The rotation of one version of an account key."""

    account_id: str
    version: int
    begun_at: datetime
    #: An API key's id, or ``operator``.
    begun_by: str
    #: Month keys that are wrapped again so far, and recording keys that a month key wraps instead.
    rewrapped: int
    #: When the version became unused; None until then.
    settled_at: datetime | None
    #: None while the version can still be unwrapped.
    destroyed_at: datetime | None
    #: The signed statement, a note; None until the version is destroyed.
    statement: bytes | None
