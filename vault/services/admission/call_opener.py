"""Open what is sealed of a call: its facts and consent events, as a decision on the call takes them.

Decrypting them may need a request to the key service. So they are read and decrypted before the transaction that
decides. That transaction first checks that nothing was added since; if something was, the caller starts again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from vault.database.interface import Database
from vault.domain.audit_log.event_types.consent import is_no
from vault.domain.calls.call import SIDES, CallFacts
from vault.domain.calls.number_reader import is_plain, read_numbers
from vault.domain.consent.call_claims import CallClaims, distinct
from vault.domain.consent.consent_event import Party
from vault.errors import NotFound, Tampered
from vault.ports.keys import KeyRing
from vault.ports.numbers import Numbers
from vault.services.admission.call_context import CallContext
from vault.services.admission.call_rows import CallRows, read_call_rows
from vault.services.admission.number_terms import MAX_SPELLED, CallTerms, FactTerms
from vault.services.shared.encrypted_fields import join_facts, open_consent, open_consents, open_facts
from vault.services.shared.paced import paced
from vault.structured_log import Log

_LOG = Log(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOpener:
    """Read calls and decrypt them."""

    database: Database
    ring: KeyRing
    numbers: Numbers
    call_terms: CallTerms

    async def load_call(self, account_id: str, call_ref: str, *own: CallFacts) -> CallContext:
        """Read and decrypt the facts of a call; ``own``, from its recordings, count as older. Raises Unavailable."""
        rows = await self.database.read(lambda tx: read_call_rows(tx, account_id, call_ref))
        return await self.open(account_id, call_ref, rows, *own)

    async def open(
        self,
        account_id: str,
        call_ref: str,
        rows: CallRows,
        *own: CallFacts,
        fresh: Mapping[str, CallFacts] | None = None,
        terms: FactTerms | None = None,
    ) -> CallContext:
        """Decrypt the facts of a call; ``own``, from its recordings, count as older. Raises Unavailable.

        ``fresh`` holds the facts of rows that the caller has just written, by id; these are not decrypted.
        ``terms`` are those of all facts of the call, if they are known already.
        """
        stored = await open_facts(self.ring, rows.facts, fresh)
        events = await open_consents(self.ring, rows.consents)
        statements = [*own, *stored]
        claims = CallClaims.of(statements)
        spelled = sorted(number for number in claims.numbers if not is_plain(number))
        if terms is None:
            # To parse a number takes longer than all the queries of a decision. So it is parsed once, when its fact is
            # stored, and what one more fact costs does not grow with the facts before it.
            unstored = [facts for facts in dict.fromkeys(own) if facts not in stored]
            terms = self.call_terms.terms_in(
                await self.call_terms.index_key(account_id), unstored, rows.regions, spelled
            )
        return CallContext(
            facts=join_facts(call_ref, statements),
            claims=claims,
            statements=distinct(statements),
            events=events,
            numbers=tuple(terms.numbers),
            is_spelled=bool(spelled),
            is_unreadable=len(spelled) > MAX_SPELLED
            or any(read_numbers(one).is_unreadable for one in spelled),
            agents=tuple(terms.agents),
            hints=self.hints(claims),
            fact_ids=tuple(row.id for row in rows.facts),
            consent_rows=len(rows.consents),
        )

    async def forgettable_answers(
        self, account_id: str, call_ref: str, *, with_unreadable: bool = False
    ) -> list[str]:
        """Return the ids of a call's consent events that go with its facts. Raises Unavailable.

        A refusal is none of them: it must also apply to recordings of the call that arrive later. Nor is one that
        cannot be read, which may be a refusal, unless ``with_unreadable``.
        """
        rows = await self.database.read(lambda tx: tx.consents.of_call(account_id, call_ref))
        forgettable, unreadable = list[str](), list[str]()
        async for row in paced(rows):
            try:
                if not is_no(f"_{(await open_consent(self.ring, row)).answer}"):
                    forgettable.append(row.id)
            except (NotFound, Tampered):
                unreadable.append(row.id)
        if unreadable:
            _LOG.warning("consent.unreadable", account_id=account_id, count=len(unreadable))
        return [*forgettable, *unreadable] if with_unreadable else forgettable

    def hints(self, claims: CallClaims) -> Mapping[Party, frozenset[str | None]]:
        """Return by party where the prefixes say that its numbers are, of those with which no place was said."""
        return {
            party: frozenset(map(self.numbers.place, claims.unplaced_numbers_of(party))) for party in SIDES
        }
