"""Refuse settings of the object store under which promises about erasures or minima could not be kept."""

from datetime import datetime, timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.retention.policy import RetentionPolicy
from vault.errors import Refused, StartRefused, Tampered
from vault.ports.objects import ObjectStore

#: Max default retention of a bucket without shorter periods: it locks manifests, which hold wrapped keys, and the
#: erasure that a person asks for is due within a month (GDPR 12(3)).
_MAX_DEFAULT: Final = timedelta(days=28)


async def require_locks(objects: ObjectStore) -> None:
    """Raise Refused if the object store cannot lock objects."""
    if objects.locks is None or not await objects.locks.enabled():
        text = (
            "object_lock needs a bucket with S3 Object Lock and versioning, and this object store has none. Create a "
            "bucket with it, or set object_lock to off."
        )
        raise Refused(text, reasons=("no_object_lock",))


async def check_object_lock(database: Database, objects: ObjectStore) -> None:
    """Raise StartRefused for a default rule longer than a period, or a policy that locks in a store that cannot."""
    policies = await database.read(_policies)
    if any(policy.object_lock != "off" for policy in policies):
        try:
            await require_locks(objects)
        except Refused as refused:
            raise StartRefused(f"The retention policy of an account locks objects. {refused}") from refused
    default = None if objects.locks is None else await objects.locks.default_retention()
    longest = min((_shortest(policy) for policy in policies), default=_MAX_DEFAULT)
    if default is not None and default > min(longest, _MAX_DEFAULT):
        raise StartRefused(
            f"The bucket locks every new object for {default.days} days, by its default rule, longer than "
            f"{min(longest, _MAX_DEFAULT).days} days: keys of erased recordings could not be deleted in time. Remove "
            "the default rule of the bucket; the vault locks what the retention policies want."
        )


def _policies(tx: Transaction) -> list[RetentionPolicy]:
    """Return the policies in force and those that wait; one that cannot be read erases and locks nothing."""
    now, found = tx.now(), list[RetentionPolicy]()
    for account_id in tx.retention.accounts():
        found += _readable(tx, account_id, now)
    return found


def _readable(tx: Transaction, account_id: str, now: datetime) -> list[RetentionPolicy]:
    try:
        policies = tx.retention.policies(account_id, now)
    except Tampered:
        return []
    return [policies.current, *policies.waiting]


def _shortest(policy: RetentionPolicy) -> timedelta:
    """Return the fewest days after which a class erases."""
    periods = [
        period for kept in policy.classes for period in (kept.period, kept.maximum) if period is not None
    ]
    return timedelta(days=min((period.fewest_days for period in periods), default=_MAX_DEFAULT.days))
