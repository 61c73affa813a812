"""The services and jobs on the page vault/services/service.py."""

import dataclasses
from collections.abc import Iterable

from vault.database.interface import Database
from vault.services.service import Vault

#: Where the classes stand that only group services.
_PAGES = {Vault.__module__, "vault.services.jobs"}


def types_of(kind: type) -> set[type]:
    """Return the types of a dataclass's fields."""
    return {field.type for field in dataclasses.fields(kind) if isinstance(field.type, type)} - {Database}


def subjects() -> list[type]:
    """Return the classes that group services."""
    return [kind for kind in types_of(Vault) if kind.__module__ in _PAGES]


def listed() -> set[type]:
    """Return the services and jobs on the page."""
    kinds: Iterable[type] = subjects()
    return set().union(*map(types_of, kinds)) | (types_of(Vault) - set(kinds))
