"""The rows of a call that decisions need, as one transaction sees them."""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.database.stores.calls.call_facts import CallFactRow
from vault.database.stores.consent.consent import ConsentRow
from vault.database.transaction import Transaction
from vault.domain.calls.number_reader import regions_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRows:
    """The sealed facts and consent events of a call, as one transaction sees them."""

    facts: Sequence[CallFactRow]
    consents: Sequence[ConsentRow]
    #: Countries whose numbering plans apply to the account's national numbers.
    regions: tuple[str, ...] = ()


def read_call_rows(tx: Transaction, account_id: str, call_ref: str) -> CallRows:
    """Return the sealed facts and consent events of a call."""
    return CallRows(
        facts=tx.call_facts.of_call(account_id, call_ref),
        consents=tx.consents.of_call(account_id, call_ref),
        regions=home_regions(tx, account_id),
    )


def home_regions(tx: Transaction, account_id: str) -> tuple[str, ...]:
    """Return the countries whose numbering plans apply to an account's national numbers: home place, then locale."""
    account = tx.accounts.find(account_id)
    home = tx.policies.current(account_id).home_place
    return regions_of("" if account is None else account.locale, [home])
