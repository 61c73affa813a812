"""Cheap readiness checks of the database, the object store and the root key."""

from dataclasses import dataclass
from typing import Literal

from vault.database.interface import Database
from vault.errors import Tampered
from vault.ports.keys import RootKey
from vault.ports.objects import ObjectStore
from vault.services.node.root_key_proof import kept_proof, proof_context

Part = Literal["database", "objects", "root_key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessProbe:
    """Check the parts that a node needs."""

    database: Database
    objects: ObjectStore
    root_key: RootKey
    #: Key of the object that names the vault to which the object store belongs.
    owner_marker: str

    async def check(self, part: Part) -> None:
        """Check the database's schema, the size of the object store's marker, or that the root key opens its proof.

        Raises StartRefused for a foreign schema, NotFound if the store has no marker, Tampered for another
        root key, Unavailable.
        """
        if part == "database":
            await self.database.check()
        elif part == "objects":
            await self.objects.size(self.owner_marker)
        else:
            await self._check_root_key()

    async def _check_root_key(self) -> None:
        stored = await self.database.read(kept_proof)
        if stored is None:
            raise Tampered("The proof of the root key is missing in the database.")
        vault_id, proof = stored
        await self.root_key.unwrap(proof, proof_context(vault_id))
