"""The end of the contact with a person, from which the periods of classes with ``contact_ended`` count.

A controller tells it, because calls do not say it: the end of a contract, or of the last conversation about an offer.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactEnd:
    """What is known of the end of the contact that a recording belongs to."""

    recording_id: str
    account_id: str
    #: None: it was told and taken back, so the contact goes on.
    ended_at: datetime | None
    told_at: datetime
    told_by: str
