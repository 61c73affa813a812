"""Read one of an account's objects from the object store."""

from vault.database.account_object import AccountObject, decode_account
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.account_envelope import decode_envelope
from vault.domain.stored.account_object_name import ObjectName, location_of
from vault.errors import Tampered
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.sealing.message import open_message


async def open_account_object(objects: ObjectStore, ring: KeyRing, name: ObjectName) -> AccountObject:
    """Return the content of an object. Raises NotFound, Tampered, OwnKeyUnusable, Unavailable."""
    location = location_of(name)
    envelope = decode_envelope(await objects.read(location, 0, await objects.size(location)))
    if envelope.name != name or not envelope.keys:
        raise Tampered("Its content does not match its key.")
    newest = max(envelope.keys)
    key = await ring.unwrap(name.account_id, newest, envelope.keys[newest])
    context = bound.of_account_object(name.account_id, name.revision, envelope.log)
    return decode_account(open_message(key.key, envelope.sealed, context=context), envelope)
