"""JSON schemas of the end of a contact."""

from typing import Annotated

from pydantic import BaseModel, Field

from vault.domain.retention.hold import MAX_COVERED
from vault.services.retention.contact_ends import ContactChange
from vault.web.schemas.base import Body, MomentIn, Ref, Text


class ContactCallsIn(Body):
    """A contact, by numbers, by calls, or by both."""

    #: Phone numbers of the person. They are not kept.
    numbers: Annotated[list[Text], Field(max_length=MAX_COVERED, default_factory=list)]
    #: Calls with the person, by the platform's id, whenever they began.
    calls: Annotated[list[Ref], Field(max_length=MAX_COVERED, default_factory=list)]


class ContactEndIn(ContactCallsIn):
    """The end of a contact."""

    #: Calls of ``numbers`` that began later belong to a new contact.
    ended_at: MomentIn


class ContactEndOut(BaseModel):
    """The effect on the recordings of a contact."""

    #: Recordings of the contact that the vault has.
    recordings: int
    #: Of how many of them this changed the end.
    changed: int
    #: Recordings whose number, as it was reported, can be that of somebody else too. They were not changed: name their
    #: calls to change them.
    possible: int

    @classmethod
    def of(cls, change: ContactChange) -> "ContactEndOut":
        """Show it."""
        return cls(recordings=change.recordings, changed=change.changed, possible=change.possible)
