"""Begin the rotation of an account's key: add its next version, which seals all new data on every node."""

from collections.abc import Callable
from datetime import datetime

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.account_keys import KeyRotation
from vault.domain.audit_log.access_event import AccessEvent
from vault.errors import Refused
from vault.ports.keys import KeyRing


async def begin_rotation(
    database: Database,
    ring: KeyRing,
    account_id: str,
    before: int,
    own_key: str | None,
    *,
    actor: str,
    also: Callable[[Transaction], object] = lambda _: None,
) -> None:
    """Add the version after ``before``, in a transaction that does something else too.

    Rewrap re-encrypts the data of the previous one and destroys that.

    The new version is committed under the account's exclusive lock. Every write of sealed data holds the shared
    lock and checks which version is current (database/stores/current_key_check.py). So after this has returned,
    no node writes data under the old version. Raises Refused while a rotation is in progress, Unavailable.
    """
    _, wrapped = await ring.create(account_id, version=before + 1, own_key=own_key)
    result = f"v{before + 1}" if own_key is None else f"v{before + 1}_own_key"

    def begin(tx: Transaction) -> None:
        tx.lock_account(account_id, exclusive=True)
        idle_version(tx, account_id)
        also(tx)
        now = tx.now()
        rotation = _rotation(account_id, before, at=now, by=actor)
        # Raises KeyRetired if another request added this version meanwhile.
        tx.rotations.begin(rotation, wrapped_key=wrapped)
        tx.events.append(
            AccessEvent(type="key.rotated", at=now, account_id=account_id, actor=actor, result=result)
        )

    try:
        await database.write(begin)
    finally:
        ring.forget(account_id)


def idle_version(tx: Transaction, account_id: str) -> int:
    """Return the current version. Raises Refused while a rotation is in progress."""
    if tx.rotations.unfinished(1, account_id=account_id):
        raise Refused(
            "A rotation of this account's key is in progress. Rotate again when it has finished.",
            reasons=("rotation_under_way",),
        )
    return tx.accounts.current_key_version(account_id)


def _rotation(account_id: str, version: int, *, at: datetime, by: str) -> KeyRotation:
    return KeyRotation(
        account_id=account_id,
        version=version,
        begun_at=at,
        begun_by=by,
        rewrapped=0,
        settled_at=None,
        destroyed_at=None,
        statement=None,
    )
