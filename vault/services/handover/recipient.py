"""The vendor of an integration in the register of recipients: entered with it, ended with it."""

from dataclasses import dataclass, replace
from datetime import date

from vault.domain.registers.checks import check_recipient
from vault.domain.registers.entries import Recipient, Safeguard
from vault.errors import Invalid, NotFound
from vault.services.registers.sealed_entries import Change, SealedEntries

_PURPOSE = "Hand-over of calls to a CRM or helpdesk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """Who receives the calls, and in which country, on which ground if that is a third one."""

    name: str
    country: str
    safeguard: Safeguard | None = None


def recipient_of(vendor: Vendor, *, since: date) -> Recipient:
    """Return the vendor as an entry of the register. Raises Invalid, naming the field of the integration."""
    if not vendor.name.strip():
        raise Invalid("recipient must not be empty: say who receives the calls.", field="recipient")
    recipient = Recipient(
        name=vendor.name, address="", contact="", role="processor", purpose=_PURPOSE, country=vendor.country,
        safeguard=vendor.safeguard, since=since,
    )  # fmt: skip
    check_recipient(recipient)
    return recipient


async def enter_vendor(
    entries: SealedEntries[Recipient], account_id: str, vendor: Vendor, *, since: date, actor: str
) -> str:
    """Enter the vendor, and return the id of its entry. Raises Invalid, naming the field of the integration."""
    change = Change(content=recipient_of(vendor, since=since), event="recipient.entered")
    return (await entries.add(account_id, change, actor=actor)).id


async def end_vendor(
    entries: SealedEntries[Recipient], account_id: str, entry_id: str, *, until: date, actor: str
) -> None:
    """Say that the vendor receives nothing from that day on, unless somebody has said so already."""

    def end(before: Recipient) -> Change[Recipient]:
        last = before.until or max(until, before.since)
        return Change(content=replace(before, until=last), event="recipient.ended")

    try:
        await entries.change(account_id, entry_id, end, actor=actor)
    except NotFound:
        return  # A restore has not brought it.
