"""Name the recipients whom an account informed of its decision on a request (GDPR art. 19)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from vault.domain.registers.entries import Recipient
from vault.domain.requests.request import Informed, Request
from vault.errors import Invalid, NotFound
from vault.services.registers.sealed_entries import SealedEntries


@dataclass(frozen=True, slots=True, kw_only=True)
class NameInformed:
    """Find recipients in their register: a receipt names them, whatever becomes of the register."""

    recipients: SealedEntries[Recipient]

    async def __call__(
        self, request: Request, informed: Mapping[str, datetime], *, now: datetime
    ) -> tuple[Informed, ...]:
        """Return the recipients, by id. Raises Invalid for one that is unknown, and for a time that cannot be right."""
        found = []
        for place, (recipient, at) in enumerate(sorted(informed.items()), start=1):
            if not request.received_at <= at <= now:
                raise Invalid("informed: each time must be between received_at and now.", field="informed")
            try:
                entry = await self.recipients.get(request.account_id, recipient)
            except NotFound as error:
                text = f"informed: the register does not have recipient {place} of {len(informed)}, sorted by id."
                raise Invalid(text, field="informed") from error
            found.append(Informed(recipient=recipient, name=entry.content.name, at=at))
        return tuple(found)
