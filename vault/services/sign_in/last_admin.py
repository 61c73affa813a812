"""An account does not lose its last administrator."""

from vault.database.transaction import Transaction
from vault.domain.sign_in.connection import PersonRow
from vault.errors import Refused


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
        text = "This is the last administrator who can sign in. Make another person an administrator first."
        raise Refused(text, reasons=("last_admin",))
