"""Rows of notices, and the notices that they are."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from vault.database.schema.notices import notices
from vault.domain.consent.consent_event import Keys
from vault.domain.notices.notice import Notice

#: All columns except the audio, which few callers need.
NOTICE_COLUMNS = [notices.c[name] for name in Notice.__slots__]


def notice_of(columns: Mapping[Any, Any]) -> Notice:
    """Convert the columns of a row by name to a Notice."""
    keys = columns["keys"]
    read = {"places": tuple(columns["places"]), "keys": None if keys is None else Keys(**keys)}
    return Notice(**{**columns, **read})


def row_of(notice: Notice) -> dict[str, Any]:
    """Convert a notice to the values of its row, without those of its audio."""
    written = {
        "places": list(notice.places),
        "keys": None if notice.keys is None else asdict(notice.keys),
    }
    return {name: getattr(notice, name) for name in Notice.__slots__} | written
