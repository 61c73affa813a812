"""Withdraw access of people again, in a restored database that lacks an event by which they lost it."""

from typing import assert_never

from vault.database.transaction import Transaction
from vault.domain.audit_log.lost_access import LostAccess
from vault.domain.sign_in.connection import OPERATORS


def end_access(lost: LostAccess, tx: Transaction) -> None:
    """Repeat the effect of an event; idempotent."""
    # The account in whose place the people are.
    place = lost.account_id or OPERATORS
    match lost.kind:
        case "sign_in.deleted":
            # A new connection with the same name has another id.
            tx.sign_in.delete(lost.id)
            tx.person_sessions.apply_roles(place)
        case "role.revoked":
            # The same value and role, mapped again later, has another id.
            tx.sign_in.revoke(lost.id)
            tx.person_sessions.apply_roles(place)
        case "member.removed":
            _remove_member(tx, lost, place)
        case "console.ended":
            tx.console_sessions.end(lost.id, lost.at)
        case "invitation.ended":
            tx.member_invitations.end(place, lost.id, lost.at)
        case "passkey.removed":
            tx.passkeys.delete(place, lost.id)
        case "provisioning_token.revoked":
            tx.provisioning.revoke_token(place, lost.id, lost.at)
        case "provisioned_user.deactivated":
            tx.provisioned_users.end(place, lost.id, lost.identity, lost.at)
            for person in tx.people.same(place, lost.identity) if lost.identity else ():
                tx.people.give(person, ())
                tx.person_sessions.end(person.id, lost.at)
        case _:
            assert_never(lost.kind)


def _remove_member(tx: Transaction, lost: LostAccess, place: str) -> None:
    tx.people.remove(place, lost.id, lost.at, identity=lost.identity)
    tx.person_sessions.end(lost.id, lost.at)
    # The same human by another connection, of whose removal this database knows nothing.
    for other in tx.people.same(place, lost.identity) if lost.identity else ():
        tx.people.remove(place, other.id, lost.at)
        tx.person_sessions.end(other.id, lost.at)
