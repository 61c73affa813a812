"""Delete packages of persons by their keys: with the row the key is gone, and the clean-up deletes the object."""

from datetime import datetime

from vault.database.stores.requests.packages import Package
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent


def delete_package_row(tx: Transaction, package: Package, *, actor: str, at: datetime | None = None) -> None:
    """Delete the row of a package, or of a part, with its event; nothing if it was deleted before.

    ``at``: None for the database's time.
    """
    if tx.packages.delete(package.request_id):
        tx.events.append(
            AccessEvent(
                type="export.deleted",
                at=at or tx.now(),
                account_id=package.account_id,
                actor=actor,
                result=package.request_id,
            )
        )


def delete_packages_with(tx: Transaction, recording_id: str, *, actor: str, at: datetime | None) -> None:
    """Delete every part of the packages of persons that have the recording in one of their parts.

    The caller holds the account's lock, and the recording is being erased, so that no part can be written with it.
    """
    for package in tx.packages.with_recording(recording_id):
        delete_package_row(tx, package, actor=actor, at=at)
