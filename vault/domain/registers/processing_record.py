"""The record of processing activities of an account (GDPR art. 30(1) and 30(2)), generated from live settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from vault.domain.accounts.account import Connection, Switch
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.notices.notice import Notice
from vault.domain.registers.entries import Entry, ProcessingProfile, Recipient
from vault.domain.registers.places import EEA, Place, Region
from vault.domain.retention.policy import RetentionClass

#: What a record says of the time limit for erasure (art. 30(1)(f)): no policy erases anything by time; the classes of
#: the policy in force do; or the policy cannot be read, and so nothing is erased.
#: What an answer to a request for access says (art. 15(1)), of what a record lacks.
_ANSWERED = frozenset({"controller", "purposes", "data"})
PeriodCode = Literal["kept_until_erased", "by_class", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """What the database and the settings say about an account."""

    account: str
    name: str
    switch: Switch
    policy: ConsentPolicy
    connections: Sequence[Connection]
    #: Published notices.
    notices: Sequence[Notice]
    places: Sequence[Place]
    #: Where they must be; None where the operator has set nothing.
    region: Region | None
    #: Whether a customer-managed key wraps the account's key.
    customer_key: bool
    #: The classes of the retention policy in force; None if it cannot be read.
    retention: Sequence[RetentionClass] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessingRecord:
    """The record on one day: typed words, and what follows from the settings."""

    at: datetime
    #: None until the typed part was set.
    profile: Entry[ProcessingProfile] | None
    settings: LiveSettings
    #: In force on that day.
    recipients: Sequence[Entry[Recipient]]

    @property
    def content(self) -> ProcessingProfile:
        """Return the typed part; an empty one until it was set."""
        return ProcessingProfile() if self.profile is None else self.profile.content

    @property
    def transfers(self) -> Sequence[Entry[Recipient]]:
        """Return the recipients outside the European Economic Area (art. 30(1)(e))."""
        return [entry for entry in self.recipients if entry.content.country not in EEA]

    @property
    def categories(self) -> Sequence[str]:
        """Return codes of the processing that the vault carries out (art. 30(2)(b))."""
        connections = self.settings.connections
        codes = {
            "receive_recordings": True,
            "receive_from_platforms": bool(connections),
            "record_consent": True,
            "store_encrypted": True,
            "play_by_link": True,
            "log_access": True,
            "delete_at_platform": any(each.source_policy != "keep" for each in connections),
        }
        return [code for code, applies in codes.items() if applies]

    @property
    def period(self) -> PeriodCode:
        """Return what decides when recordings are erased (art. 30(1)(f))."""
        if self.settings.retention is None:
            return "unreadable"
        return "by_class" if self.settings.retention else "kept_until_erased"

    @property
    def measures(self) -> Sequence[str]:
        """Return codes of the measures that the vault itself takes (art. 30(1)(g), 32)."""
        places = {place.part: place for place in self.settings.places}
        codes = {
            "encrypted_per_recording": True,
            "keys_in_key_service": not places["root_key"].is_local,
            "customer_managed_key": self.settings.customer_key,
            "access_logged_and_provable": True,
            "access_log_locked": places["object_store"].lock_days > 0,
            "recording_can_be_switched_off": True,
        }
        return [code for code, applies in codes.items() if applies]

    @property
    def missing(self) -> Sequence[str]:
        """Return codes of what art. 30 requires and nobody has entered: ``recipient/<part>`` for a part without one."""
        content = self.content
        codes = {
            "controller": content.controller is not None,
            "purposes": bool(content.purposes),
            "persons": bool(content.persons),
            "data": bool(content.data),
        }
        return [
            *(code for code, present in codes.items() if not present),
            *(f"recipient/{part}" for part in self._unnamed_parts),
            *(f"safeguard/{entry.id}" for entry in self.transfers if entry.content.safeguard is None),
            *self._outside_region,
        ]

    @property
    def _outside_region(self) -> Sequence[str]:
        """Return codes of what contradicts the region: parts of which nobody says where they are, and countries."""
        region, settings = self.settings.region, self.settings
        if region is None:
            return []
        unknown = [one.part for one in settings.places if not one.is_local and one.region is None]
        abroad = [
            entry.id
            for entry in self.recipients
            if entry.content.safeguard is None and not region.has_country(entry.content.country)
        ]
        transfers = {entry.id for entry in self.transfers}
        return [
            *(f"region/{part}" for part in unknown),
            *(f"abroad/{entry_id}" for entry_id in abroad if entry_id not in transfers),
        ]

    @property
    def _unnamed_parts(self) -> Sequence[str]:
        settings = self.settings
        outside = parts_outside(settings.places, settings.connections)
        return unnamed_parts(outside, [entry.content for entry in self.recipients])

    @property
    def answer_lacks(self) -> Sequence[str]:
        """Return codes of what an answer to a request for access must say and cannot: as ``missing`` has them.

        ``recipients``: none is entered, which does not mean that there is none.
        """
        lacks = [code for code in self.missing if code in _ANSWERED or code.startswith("recipient/")]
        return lacks if self.recipients else [*lacks, "recipients"]

    @property
    def page_lacks(self) -> Sequence[str]:
        """Return codes of what the page for callers does not say of recipients; ``unnamed/<id>``: one it leaves out."""
        lacks = [f"recipient/{part}" for part in self._unnamed_parts]
        lacks += [f"unnamed/{entry.id}" for entry in self.recipients if not entry.content.public]
        return lacks if self.recipients else [*lacks, "recipients"]


def parts_outside(places: Sequence[Place], connections: Sequence[Connection]) -> Sequence[str]:
    """Return what somebody outside runs: parts of the vault, and telephony platforms."""
    outside = [str(place.part) for place in places if not place.is_local]
    return [*outside, *(f"connection/{connection.name}" for connection in connections)]


def unnamed_parts(outside: Sequence[str], recipients: Sequence[Recipient]) -> Sequence[str]:
    """Return the parts outside of whose holders no recipient is entered."""
    covered = {part for recipient in recipients for part in recipient.covers}
    return [part for part in outside if part not in covered]


def in_force(entries: Sequence[Entry[Recipient]], day: date) -> Sequence[Entry[Recipient]]:
    """Return the recipients on a day, ordered by name."""
    current = [entry for entry in entries if entry.content.is_in_force(day)]
    return sorted(current, key=lambda entry: (entry.content.name.casefold(), entry.id))
