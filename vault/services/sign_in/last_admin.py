"""An account does not lose its last administrator."""

from typing import Final

from vault.database.transaction import Transaction
from vault.domain.sign_in.connection import PersonRow
from vault.domain.sign_in.provisioning import Provisioning
from vault.errors import Refused

_TEXT: Final = "This is the last administrator who can sign in. Make another person an administrator first."


def require_other_admin(tx: Transaction, person: PersonRow) -> None:
    """Raise Refused if an invited person is the last who can sign in as an administrator.

    Who has no passkey yet counts as nobody; a provider that gives the role counts. API keys count as nobody: a person
    must be able to revoke them. The caller holds the account's exclusive lock.
    """
    roles = tx.sign_in.roles(person.account_id)
    admins = {role_id for role_id, given in roles.items() if given.role == "admin"}
    owners = tx.passkeys.owners(person.account_id)
    invited = tx.people.invited(person.account_id)
    able = {one.id: set(one.role_ids) & admins for one in invited if one.id in owners}
    own = {role_id for one in invited for role_id in one.role_ids}
    if not able.get(person.id) or admins - own:
        return
    if not any(given for one, given in able.items() if one != person.id):
        raise Refused(_TEXT, reasons=("last_admin",))


def require_admin_beside(tx: Transaction, setting: Provisioning, identity: str) -> None:
    """Raise Refused if a human who leaves the directory is the last who can sign in as an administrator.

    Who has not signed in yet counts as nobody: only the next sign-in says what the provider gives. The caller holds the
    account's exclusive lock.
    """
    account_id = setting.account_id
    admins = {role_id for role_id, given in tx.sign_in.roles(account_id).items() if given.role == "admin"}

    def is_admin(person: PersonRow) -> bool:
        return person.removed_at is None and bool(admins & set(person.role_ids))

    if not any(is_admin(person) for person in tx.people.same(account_id, identity)):
        return
    owners = tx.passkeys.owners(account_id)
    if any(is_admin(person) for person in tx.people.invited(account_id) if person.id in owners):
        return
    active = tx.provisioned_users.active_identities(account_id)
    for connection in tx.sign_in.of_account(account_id):
        is_told = connection.id == setting.connection_id
        for person in tx.people.of_connection(account_id, connection.id):
            may_sign_in = person.identity in active or not is_told
            if is_admin(person) and may_sign_in and person.identity != identity:
                return
    raise Refused(_TEXT, reasons=("last_admin",))
