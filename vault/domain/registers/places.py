"""Where a vault keeps data and keys: each place, and the region in which all of them must be."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from vault.errors import StartRefused

Certainty = Literal["proved", "declared"]
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
    #: None where neither the provider nor the settings name one.
    region: str | None = None
    #: Who says so: the provider of the cloud, or the operator alone, as of a store of their own.
    region_is: Certainty | None = None
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
_EEA: Final = "EEA"
#: A region of a cloud, or ISO 3166-1 alpha-2.
_COUNTED: Final = re.compile(r"[a-z][a-z0-9-]{0,31}|[A-Z]{2}|EEA")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where a vault must keep data and keys, as its operator promises it."""

    #: The operator's label, such as ``eu``.
    name: str
    #: Regions of clouds that count as it, such as ``eu-central-1``.
    places: frozenset[str]
    #: Countries of recipients that count as it, as ISO 3166-1 alpha-2; empty where nothing is said of recipients.
    countries: frozenset[str]

    @classmethod
    def of(cls, name: str | None, counted: Sequence[str]) -> "Region | None":
        """Return the region for which these count: regions of clouds, countries, and ``EEA`` for its countries.

        Without any, the region is one of a cloud. Raises StartRefused.
        """
        if not all(_COUNTED.fullmatch(word) for word in counted) or (counted and name is None):
            raise StartRefused(
                "VAULT_REGION_PLACES must be a comma-separated list of regions and countries that count as "
                "VAULT_REGION, such as eu-central-1,eu-west-1,EEA."
            )
        if name is None:
            return None
        countries = {word for word in counted if word.isupper()} - {_EEA}
        places = {word for word in counted if word.islower()} or {name}
        return cls(
            name=name,
            places=frozenset(places),
            countries=frozenset(countries | (EEA if _EEA in counted else set())),
        )

    def has_country(self, country: str) -> bool:
        """Return whether a recipient in this country contradicts nothing."""
        return not self.countries or country in self.countries

    def contradicted_by(self, places: Sequence[Place]) -> Place | None:
        """Return the first place that is in another region; None if none is known to be."""
        return next((one for one in places if one.region is not None and one.region not in self.places), None)
