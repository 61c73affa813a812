"""The record of processing activities of an account (GDPR art. 30(1) and 30(2)), generated from live settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from vault.domain.accounts.account import Connection, Switch
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.notices.notice import Notice
from vault.domain.registers.entries import Entry, ProcessingProfile, Recipient
from vault.domain.retention.policy import RetentionClass

PlacePart = Literal["object_store", "database", "root_key"]
#: Kinds that run on the vault's own machine, so that nobody else receives anything.
LOCAL_KINDS = frozenset({"directory", "sqlite", "file"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One part of the vault that stores data or keys, without credentials and names of buckets or keys.

    It is taken from the settings, never typed.
    """

    part: PlacePart
    #: ``directory``, ``s3``, ``sqlite``, ``postgresql``, ``file``, ``aws-kms`` or ``openbao``.
    kind: str
    #: None where the provider's own address is used.
    host: str | None = None
    #: None where the settings name none.
    region: str | None = None
    #: Days for which the published access log is locked in the object store.
    lock_days: int = 0

    @property
    def is_local(self) -> bool:
        """Return whether it is on the vault's own machine."""
        return self.kind in LOCAL_KINDS


#: Member states of the EU, and Iceland, Liechtenstein and Norway: a recipient elsewhere is a transfer.
EEA = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS", "IT", "LI",
        "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
    }
)  # fmt: skip
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
