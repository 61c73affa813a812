"""Asking a part that the vault cannot do without whether it does its work, at a price that can be paid often."""

from dataclasses import dataclass
from typing import Literal

from vault.errors import Tampered
from vault.ports.database import Database
from vault.ports.keys import RootKey
from vault.ports.objects import ObjectStore
from vault.services.node.root_key_proof import kept_proof, proof_context

Part = Literal["database", "objects", "root_key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPart:
    """Ask the database for its schema, the object store for its marker's size, the root key to open its proof."""

    database: Database
    objects: ObjectStore
    root_key: RootKey
    #: The key of the object that says whose store it is.
    owner_marker: str

    async def __call__(self, part: Part) -> None:
        """Return where all is well.

        Raises StartRefused for a foreign schema, NotFound for a store without its marker, Tampered for
        another root key, Unavailable.
        """
        if part == "database":
            await self.database.check()
        elif part == "objects":
            await self.objects.size(self.owner_marker)
        else:
            await self._ask_root_key()

    async def _ask_root_key(self) -> None:
        kept = await self.database.read(kept_proof)
        if kept is None:
            raise Tampered("The proof of the root key is gone.")
        vault_id, proof = kept
        await self.root_key.unwrap(proof, proof_context(vault_id))
