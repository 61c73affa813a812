"""Rotations of account keys."""

from dataclasses import dataclass
from datetime import datetime


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
