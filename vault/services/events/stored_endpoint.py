"""What the services of endpoints share: an endpoint is found, sealed, opened, sent to, and named in the log."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.events.endpoint import EndpointSecrets, StoredEndpoint
from vault.domain.outbox.attempt import Answer, Attempt, attempt_of
from vault.domain.outbox.signature import signed_headers
from vault.errors import NotFound
from vault.services.shared.account_data_keys import AccountDataKeys

_PURPOSE: Final = "event-endpoint"


def find_endpoint(tx: Transaction, account_id: str, endpoint_id: str) -> StoredEndpoint:
    """Return an endpoint of an account. Raises NotFound."""
    stored = tx.event_endpoints.get(account_id, endpoint_id)
    if stored is None:
        raise NotFound("There is no such event endpoint.")
    return stored


def log_endpoint(tx: Transaction, type_: EventType, endpoint: StoredEndpoint, actor: str) -> None:
    """Append what was done with an endpoint to the log."""
    tx.events.append(
        AccessEvent(type=type_, at=tx.now(), account_id=endpoint.account_id, actor=actor, result=endpoint.id)
    )


async def seal_endpoint(data_keys: AccountDataKeys, account_id: str, words: EndpointSecrets) -> str:
    """Return what is sealed of an endpoint. Raises Unavailable."""
    return await data_keys.seal_words(account_id, _PURPOSE, json.dumps(asdict(words))) or ""


async def open_endpoint(data_keys: AccountDataKeys, stored: StoredEndpoint) -> EndpointSecrets:
    """Return what is sealed of an endpoint. Raises Tampered, Unavailable."""
    text = await data_keys.open_words(stored.account_id, _PURPOSE, stored.sealed)
    return EndpointSecrets(**json.loads(text or "{}"))


async def post_event(
    post: Callable[[str, Mapping[str, str], bytes], Awaitable[Answer]],
    stored: StoredEndpoint,
    words: EndpointSecrets,
    event_id: str,
    body: bytes,
    *,
    at: datetime,
) -> Attempt:
    """Send an event to an endpoint, signed with each secret that is valid then. Raises FetchFailed."""
    headers = signed_headers(words.signing(stored, at), event_id, body, at=at)
    return attempt_of(await post(words.url, headers, body), "The endpoint")
