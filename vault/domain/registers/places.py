"""Where the vault keeps data and keys: taken from its settings, never typed."""

from dataclasses import dataclass
from typing import Literal

PlacePart = Literal["object_store", "database", "root_key"]
#: Kinds that run on the vault's own machine, so that nobody else receives anything.
LOCAL_KINDS = frozenset({"directory", "sqlite", "file"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One part of the vault that stores data or keys, without credentials and names of buckets or keys."""

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
