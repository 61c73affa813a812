"""Call start: store the reported facts, and decide whether and how the call may be recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vault.database.account_parts.notices import notice_of
from vault.database.interface import Database
from vault.database.stores.consent.notices import OF_STATUS
from vault.database.transaction import Transaction
from vault.domain.admission.decision import Decision
from vault.domain.calls.call import CallFacts
from vault.domain.consent.consent_event import Mode, Party
from vault.domain.ids import ID_BYTES
from vault.domain.notices.notice import Notice, choose
from vault.domain.reason import Reason
from vault.errors import AccountClosed
from vault.ports.clock import Clock
from vault.services.admission.admission import Admission
from vault.services.admission.call_context import CallContext
from vault.services.admission.call_facts import StoreCallFacts, StoredFacts
from vault.services.admission.call_opener import CallOpener
from vault.services.admission.call_rows import CallRows
from vault.services.admission.number_terms import CallTerms
from vault.services.shared.encrypted_fields import search_term

_CLOSED = Reason(code="account_closed", text="The account is closed.", source="closure")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswer:
    """What the vault answers at call start."""

    #: The call's id, the same for every request about it.
    call_id: str
    decision: Decision
    #: All facts known of the call, merged.
    facts: CallFacts
    #: The parties outside the account.
    outside: frozenset[Party]
    #: Which notices to play to whom.
    notices: tuple[tuple[Party, Notice], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStart:
    """Store a call's facts and decide; used by REST and by call documents."""

    database: Database
    admission: Admission
    call_opener: CallOpener
    call_terms: CallTerms
    store_facts: StoreCallFacts
    clock: Clock

    async def __call__(self, account_id: str, facts: CallFacts) -> CallAnswer:
        """Store the facts and return the answer. A repeated request adds nothing. Raises Unavailable.

        For a closed account nothing is stored, and the call is not to be recorded.
        """
        index_key = await self.call_terms.index_key(account_id)
        try:
            stored = await self.store_facts(account_id, facts)
        except AccountClosed:
            return await self._closed(account_id, index_key, facts)
        known = await self.call_opener.open(
            account_id, facts.call_ref, stored.rows, fresh=stored.fresh, terms=stored.terms
        )
        decision, published, locale = await self._decide(account_id, known, stored)
        languages = [tag for tag in (known.facts.language, locale) if tag is not None]
        outside = known.claims.outside
        chosen = _chosen(decision, outside, published, languages)
        lacking = [_no_notice(party) for party, notice in chosen if notice is None]
        return CallAnswer(
            call_id=_call_id(index_key, facts),
            decision=replace(decision, remarks=(*decision.remarks, *lacking)),
            facts=known.facts,
            outside=outside,
            notices=tuple((party, notice) for party, notice in chosen if notice is not None),
        )

    async def _closed(self, account_id: str, index_key: bytes, facts: CallFacts) -> CallAnswer:
        """Return the answer for a call of a closed account, by what was reported just now alone."""
        nothing = CallRows(facts=(), consents=())
        known = await self.call_opener.open(account_id, facts.call_ref, nothing, facts)
        decision = await self.database.read(
            lambda tx: self.admission.decide(tx, account_id, known, received_at=self.clock())
        )
        return CallAnswer(
            call_id=_call_id(index_key, facts),
            decision=replace(decision, verdict="refuse", grounds=(_CLOSED, *decision.grounds)),
            facts=facts,
            outside=known.claims.outside,
            notices=(),
        )

    async def _decide(
        self, account_id: str, known: CallContext, stored: StoredFacts
    ) -> tuple[Decision, Sequence[Notice], str]:
        """Return the decision, the published notices and the account's locale."""
        if stored.state is not None:
            # The state that the fact's own transaction saw.
            decision = self.admission.decide_by(stored.state, known, received_at=self.clock())
            if not (stored.has_notices and decision.record):
                return decision, (), stored.locale
            rows = await self.database.fetch(OF_STATUS, account_id=account_id, status="published")
            return decision, [notice_of(row) for row in rows], stored.locale

        def read(tx: Transaction) -> tuple[Decision, Sequence[Notice], str]:
            decision = self.admission.decide(tx, account_id, known, received_at=self.clock())
            account = tx.accounts.find(account_id)
            return (
                decision,
                tx.notices.of_account(account_id, "published"),
                "en" if account is None else account.locale,
            )

        return await self.database.read(read)


def _call_id(index_key: bytes, facts: CallFacts) -> str:
    """Return the id of a call. It has no row of its own: its id is a keyed hash of the platform's name for it."""
    return f"call_{search_term(index_key, 'call id', facts.call_ref)[:ID_BYTES].hex()}"


def _chosen(
    decision: Decision, outside: frozenset[Party], published: Sequence[Notice], languages: Sequence[str]
) -> Sequence[tuple[Party, Notice | None]]:
    """Return which published notice to play to each party that needs one; nobody does if the call is not recorded."""
    if not decision.record:
        return ()
    needed: list[tuple[Party, Mode]] = []
    if decision.mode != "none":
        needed += [(party, decision.mode) for party in sorted(outside)]
    if decision.agent_notice:
        needed.append(("agent", "announce"))
    return [(party, choose(published, party, mode, languages)) for party, mode in needed]


def _no_notice(party: Party) -> Reason:
    text = (
        f"No published notice is for the {party} and this mode: publish a notice, "
        f"or tell the {party} in another way and report it as a consent event."
    )
    return Reason(code="no_notice_published", text=text, source="notices")
