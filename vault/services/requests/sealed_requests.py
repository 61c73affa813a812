"""Seal and open the personal data of requests, and write their changes with their events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vault.database.interface import Database
from vault.database.stores.requests.requests import RequestRow
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.requests.callback import message_about
from vault.domain.requests.request import Kind, PersonalData, Request, Ruling
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import decode_personal_data, encode_personal_data
from vault.errors import NotFound, Tampered
from vault.ports.keys import AccountKey, KeyRing
from vault.sealing.message import open_message, seal
from vault.services.shared.retry_on_rotation import retry_if_rotated
from vault.structured_log import Log

_LOG = Log(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRequests:
    """Read and write requests. Their personal data is sealed under the account key."""

    database: Database
    ring: KeyRing

    async def read(self, account_id: str, request_id: str) -> Request:
        """Return a request. Raises NotFound, Tampered, Unavailable."""
        row = await self.database.read(lambda tx: tx.requests.get(account_id, request_id))
        if row is None:
            raise NotFound("There is no such request.")
        return await self.open(row)

    async def kinds(self, account_id: str, request_ids: Sequence[str]) -> Mapping[str, Kind]:
        """Return the kinds of requests by their ids; those of other accounts are left out."""
        rows = await self.database.read(lambda tx: tx.names.requests(account_id, request_ids))
        return {row.request.id: row.request.kind for row in rows}

    async def open(self, row: RequestRow) -> Request:
        """Open the personal data of a request, which is None once it is forgotten. Raises Tampered, Unavailable."""
        request = row.request
        if row.sealed_personal is None or row.key_version is None:
            return request
        key = await self.ring.version(request.account_id, row.key_version)
        context = bound.of_request(request.account_id, request.id)
        return replace(
            request,
            personal=decode_personal_data(open_message(key.key, row.sealed_personal, context=context)),
        )

    async def shown(self, row: RequestRow) -> Request:
        """Open a request of a list; without its content if that is damaged: it must not hide the others."""
        try:
            return await self.open(row)
        except Tampered:
            _LOG.error("request.unreadable", account_id=row.request.account_id, request_id=row.request.id)
            return row.request

    async def change(
        self,
        request: Request,
        kind: EventType | None,
        *,
        actor: str,
        at: datetime,
        gate: Callable[[Transaction], None] = lambda _: None,
    ) -> Request:
        """Write a request whose other fields the caller has changed, with its event; return its new revision.

        ``gate`` is called under the account's lock, and may raise. Raises Busy if another client changed it meanwhile.
        """
        changed = replace(request, revision=request.revision + 1)

        def write(tx: Transaction, row: RequestRow) -> None:
            tx.requests.change(row)
            gate(tx)
            if kind is not None:
                append_event(tx, changed, kind, actor=actor, at=at)

        await self.write(changed, write)
        return changed

    async def write(self, request: Request, function: Callable[[Transaction, RequestRow], None]) -> None:
        """Seal the request, and let ``function`` write its row under the account's lock."""

        async def work(key: AccountKey) -> None:
            row = sealed_row(key, request)

            def write(tx: Transaction) -> None:
                tx.lock_account(request.account_id)
                function(tx, row)

            await self.database.write(write)

        await retry_if_rotated(self.ring, request.account_id, work)


def sealed_row(key: AccountKey, request: Request) -> RequestRow:
    """Return the row of a request, with its personal data sealed under a version of the account key."""
    context = bound.of_request(request.account_id, request.id)
    sealed = seal(key.key, context, encode_personal_data(personal_of(request)))
    return RequestRow(
        request=replace(request, personal=None), sealed_personal=sealed, key_version=key.version
    )


def personal_of(request: Request) -> PersonalData:
    """Return the personal data of a request. Raises NotFound once it is forgotten."""
    if request.personal is None:
        raise NotFound("The retention of this request has ended, and its content was deleted.")
    return request.personal


def ruling_of(request: Request) -> Ruling:
    """Return the decision on a request that is being carried out."""
    ruling = personal_of(request).ruling
    if ruling is None:
        raise ValueError("A request that is carried out has a decision.")
    return ruling


def append_event(tx: Transaction, request: Request, kind: EventType, *, actor: str, at: datetime) -> None:
    """Append an event of a request, whose result is the request's id, and note it for the account's callback."""
    event = AccessEvent(type=kind, at=at, account_id=request.account_id, actor=actor, result=request.id)
    tx.events.append(event)
    if kind.startswith("request."):
        tx.callbacks.tell(message_about(request, event.id, kind, at))
