"""The labels of a vault: its cell, its region, and that of its database. The first start with one keeps it for ever.

Addresses carry the cell, and people were promised the region: a start that says otherwise is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.errors import Refused, StartRefused

#: By the setting; None where it is not set.
Labels = Mapping[str, str | None]
#: The names in the vault's metadata, by the setting.
CELL: Final = "cell"
REGION: Final = "region"
_NAMES: Final = {"VAULT_CELL": CELL, "VAULT_REGION": REGION, "VAULT_DATABASE_REGION": "database_region"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepLabels:
    """Keep labels in the database, and compare them at each later start."""

    database: Database
    #: Only compare.
    read_only: bool = False

    async def __call__(self, labels: Labels) -> None:
        """Raise StartRefused if a label is another than the one that was kept, Unavailable."""
        kept = await self.database.read(_kept)
        for setting, label in labels.items():
            if kept[setting] not in {None, label}:
                raise StartRefused(
                    f"{setting} must be {kept[setting]}, as since the first start with it: addresses that others have "
                    "carry it, or people were promised it. Set it so again."
                )
        new = {
            _NAMES[setting]: label.encode()
            for setting, label in labels.items()
            if label and not kept[setting]
        }
        if not new or self.read_only:
            return
        try:
            await self.database.write(lambda tx: tx.metadata.put(new))
        except Refused:
            await self(labels)  # Another node was first.


def _kept(tx: Transaction) -> Labels:
    found = {setting: tx.metadata.get(name) for setting, name in _NAMES.items()}
    return {setting: None if value is None else value.decode() for setting, value in found.items()}
