"""The vault object in the object store: written at start, read by a restore into a new database.

It has the proof of the root key: a known text that only the right key opens, stored beside the vault's id.
"""

from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.progress import MARK, NEW_MARK
from vault.domain.stored.vault_facts import LOCATION, VaultObject, decode_vault, encode_vault
from vault.errors import NotFound, StartRefused, Tampered, Unavailable
from vault.ports.objects import ObjectStore
from vault.services.audit_log.published_tiles import PublishedLog
from vault.services.audit_log.store_loss import look_for_loss
from vault.services.node.kept_labels import CELL, REGION
from vault.structured_log import Log
from vault.tlog.note import Signer

_LOG = Log(__name__)
_NAMES = ("vault_id", "root_key_proof", "log_name", "log_key", CELL, REGION)
#: Names of rows in the vault's metadata.
VAULT_ID: Final = "vault_id"
PROOF: Final = "root_key_proof"
#: The same under the next root key; exists only during a rotation of the root key.
NEXT_PROOF: Final = "next_root_key_proof"
#: Number of root keys that the vault has had, including the current one; 1 if the row is missing.
ROOT_VERSION: Final = "root_key_version"
#: Prefix of the signed statement about a replaced root key; that key's number follows.
STATEMENT: Final = "root_key_statement/"
#: The key that signs checkpoints, wrapped by the root key.
LOG_KEY: Final = "log_key"


async def compare_with_store(database: Database, objects: ObjectStore, signer: Signer) -> None:
    """Write the vault object, unless the database is behind the object store.

    Such a database starts in recovery mode. If the object store is behind, that is recorded here, and everything
    is written there again. Raises Unavailable if the two cannot be compared.
    """
    try:
        published_log = PublishedLog(database=database, objects=objects, signer=signer)
        if await published_log.is_newer():
            return
    except Tampered:
        return
    await look_for_loss(database, objects, published_log)
    try:
        await write_vault_object(database, objects)
    except Unavailable as error:
        # Recordings in a full store can still be played and erased; the next start writes the object.
        _LOG.warning("start.vault_object_put_off", reason=str(error))


async def write_vault_object(database: Database, objects: ObjectStore) -> None:
    """Write the vault object, unless the stored one is current. Raises Unavailable."""
    wanted = encode_vault(await database.read(_known))
    try:
        if await objects.get(LOCATION) == wanted:
            return
    except (NotFound, Tampered):
        pass  # It is missing or damaged.
    await objects.put(LOCATION, wanted)
    await objects.delete_older(LOCATION)


async def take_vault_over(database: Database, objects: ObjectStore) -> None:
    """Make a new database belong to the vault whose object is in the object store, with the mark of a restore.

    The root key is not checked here: the startup check that follows does that. Raises StartRefused if there is
    no valid vault object, Unavailable.
    """
    try:
        known = decode_vault(await objects.get(LOCATION))
    except (NotFound, Tampered) as error:
        raise StartRefused(
            "There is no vault to restore in the object store: vault.json is missing or cannot be "
            "parsed. Point VAULT_OBJECTS_URL at the prefix of the vault."
        ) from error
    facts = {
        "vault_id": known.vault_id.encode(),
        "root_key_proof": known.root_key_proof,
        "log_name": known.log_name.encode(),
        "log_key": known.log_key,
    }
    facts |= {
        name: label.encode() for name, label in {CELL: known.cell, REGION: known.region}.items() if label
    }

    def take(tx: Transaction) -> None:
        # The schema may be older than this command.
        tx.metadata.replace({MARK: NEW_MARK})
        tx.metadata.put(facts)

    await database.write(take)


def _known(tx: Transaction) -> VaultObject:
    facts = {name: tx.metadata.get(name) or b"" for name in _NAMES}
    return VaultObject(
        vault_id=facts["vault_id"].decode(),
        root_key_proof=facts["root_key_proof"],
        log_name=facts["log_name"].decode(),
        log_key=facts["log_key"],
        cell=facts[CELL].decode(),
        region=facts[REGION].decode(),
    )


def kept_proof(tx: Transaction) -> tuple[str, bytes] | None:
    """Return the vault's id and the proof of its root key; None before the first start."""
    vault_id, proof = tx.metadata.get(VAULT_ID), tx.metadata.get(PROOF)
    return None if vault_id is None or proof is None else (vault_id.decode(), proof)


def proof_context(vault_id: str) -> dict[str, str]:
    """Return the proof's encryption context."""
    return {"vault_id": vault_id, "purpose": "root-key-proof"}
