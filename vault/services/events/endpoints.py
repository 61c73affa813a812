"""The endpoints of an account that receive events. A secret is shown once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.events.endpoint import (
    MAX_ENDPOINTS,
    EndpointSecrets,
    PublicKey,
    StoredEndpoint,
    check_types,
    destination_of,
    public_keys_after,
)
from vault.domain.ids import new_id
from vault.domain.outbox.health import HEALTHY, Health
from vault.domain.outbox.signature import new_private_key, new_secret
from vault.errors import NotFound, Refused
from vault.ports.outside import Outside
from vault.services.events.stored_endpoint import find_endpoint, log_endpoint, open_endpoint, seal_endpoint
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.check_receiver import check_receiver
from vault.services.shared.paced import paced


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChange:
    """What to change of an endpoint; None: as it was."""

    url: str | None = None
    types: Sequence[str] | None = None
    description: str | None = None
    #: Whether messages are also signed so that anybody can verify them.
    ed25519: bool | None = None
    ordered: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointView:
    """An endpoint as its account sees it."""

    endpoint: StoredEndpoint
    url: str
    description: str
    health: Health
    #: Messages that wait for it.
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeEndpoint:
    """An endpoint with its new secret."""

    view: EndpointView
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEndpoints:
    """Make, show, change and delete the endpoints of an account."""

    database: Database
    data_keys: AccountDataKeys
    #: That of the sender: what it never sends to is refused when it is set.
    outside: Outside

    async def make(self, account_id: str, wanted: EndpointChange, *, actor: str) -> MadeEndpoint:
        """Make an endpoint: it receives what happens from now on. Raises Invalid, Refused, Unavailable."""
        self._check(wanted)
        words = EndpointSecrets(
            url=wanted.url or "",
            description=wanted.description or "",
            secret=new_secret(),
            private_key=new_private_key() if wanted.ed25519 else None,
        )
        sealed = await seal_endpoint(self.data_keys, account_id, words)

        def make(tx: Transaction) -> StoredEndpoint:
            tx.lock_account(account_id, exclusive=True)
            if len(tx.event_endpoints.of_account(account_id)) >= MAX_ENDPOINTS:
                text = f"An account has at most {MAX_ENDPOINTS} event endpoints. Delete one."
                raise Refused(text, reasons=("too_many_event_endpoints",))
            now = tx.now()
            made = StoredEndpoint(
                id=new_id("ep"), account_id=account_id, types=tuple(dict.fromkeys(wanted.types or ())),
                sealed=sealed, created_at=now, changed_at=now, changed_by=actor, ordered=bool(wanted.ordered),
                public_keys=public_keys_after([], words.public_key, now=now, until=now),
            )  # fmt: skip
            tx.event_endpoints.add(made)
            log_endpoint(tx, "event_endpoint.changed", made, actor)
            return made

        made = await self.database.write(make)
        view = _view(made, words, HEALTHY, 0)
        return MadeEndpoint(view=view, secret=words.secret)

    async def list(self, account_id: str) -> Sequence[EndpointView]:
        """Return the endpoints of an account, the oldest first. Raises Unavailable."""

        def read(tx: Transaction) -> list[tuple[StoredEndpoint, Health, int]]:
            return _with_health(tx, tx.event_endpoints.of_account(account_id))

        found = await self.database.read(read)
        return [
            _view(stored, await open_endpoint(self.data_keys, stored), health, waiting)
            async for stored, health, waiting in paced(found)
        ]

    async def read(self, account_id: str, endpoint_id: str) -> EndpointView:
        """Return an endpoint, without its secrets. Raises NotFound, Unavailable."""

        def read(tx: Transaction) -> tuple[StoredEndpoint, Health, int]:
            stored = find_endpoint(tx, account_id, endpoint_id)
            return _with_health(tx, [stored])[0]

        stored, health, waiting = await self.database.read(read)
        return _view(stored, await open_endpoint(self.data_keys, stored), health, waiting)

    async def change(
        self, account_id: str, endpoint_id: str, wanted: EndpointChange, *, actor: str
    ) -> EndpointView:
        """Change an endpoint, and let it be healthy again. Raises NotFound, Invalid, Unavailable."""
        self._check(wanted)

        def changed(_: StoredEndpoint, words: EndpointSecrets) -> EndpointSecrets:
            url = words.url if wanted.url is None else wanted.url
            description = words.description if wanted.description is None else wanted.description
            return replace(_signing(words, ed25519=wanted.ed25519), url=url, description=description)

        await self._change(account_id, endpoint_id, changed, actor=actor, wanted=wanted)
        return await self.read(account_id, endpoint_id)

    async def rotate(
        self, account_id: str, endpoint_id: str, grace: timedelta, *, actor: str
    ) -> MadeEndpoint:
        """Make a new secret, and a new private key if it has one; the former ones sign too until ``grace`` is over.

        Raises NotFound, Unavailable.
        """
        secret, private_key = new_secret(), new_private_key()

        def changed(_: StoredEndpoint, words: EndpointSecrets) -> EndpointSecrets:
            return replace(
                words,
                secret=secret,
                former=words.secret if grace else None,
                private_key=words.private_key and private_key,
                former_private_key=words.private_key if grace else None,
            )

        await self._change(account_id, endpoint_id, changed, actor=actor, grace=grace)
        return MadeEndpoint(view=await self.read(account_id, endpoint_id), secret=secret)

    async def public_keys(self, endpoint_id: str) -> Sequence[PublicKey]:
        """Return the public keys of any account's endpoint, the oldest first. Raises NotFound if it has none."""
        stored = await self.database.read(lambda tx: tx.event_endpoints.by_id(endpoint_id))
        if stored is None or not stored.public_keys:
            raise NotFound("There is no event endpoint with public keys of this id.")
        return stored.public_keys

    async def delete(self, account_id: str, endpoint_id: str, *, actor: str) -> None:
        """Delete an endpoint, and what waits for it. Raises NotFound."""

        def delete(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            stored = find_endpoint(tx, account_id, endpoint_id)
            tx.event_endpoints.delete(stored)
            log_endpoint(tx, "event_endpoint.deleted", stored, actor)

        await self.database.write(delete)

    def _check(self, wanted: EndpointChange) -> None:
        if wanted.types is not None:
            check_types(wanted.types)
        if wanted.url is not None:
            check_receiver(self.outside, wanted.url)

    async def _change(
        self,
        account_id: str,
        endpoint_id: str,
        changed: Callable[[StoredEndpoint, EndpointSecrets], EndpointSecrets],
        *,
        actor: str,
        wanted: EndpointChange | None = None,
        grace: timedelta | None = None,
    ) -> None:
        """Change what is sealed of an endpoint, again from the start if another client changed it meanwhile."""
        while True:
            stored = await self.database.read(lambda tx: find_endpoint(tx, account_id, endpoint_id))
            words = changed(stored, await open_endpoint(self.data_keys, stored))
            sealed = await seal_endpoint(self.data_keys, account_id, words)
            new = _with(replace(stored, sealed=sealed), wanted or EndpointChange())
            key = words.public_key
            if await self.database.write(lambda tx: _put(tx, stored, new, key, actor=actor, grace=grace)):  # noqa: B023 - awaited here
                return


def _signing(words: EndpointSecrets, *, ed25519: bool | None) -> EndpointSecrets:
    """Return what is sealed with a private key, or without one, as is wanted."""
    if ed25519 is None or ed25519 is (words.private_key is not None):
        return words
    return replace(words, private_key=new_private_key() if ed25519 else None, former_private_key=None)


def _with_health(
    tx: Transaction, endpoints: Sequence[StoredEndpoint]
) -> list[tuple[StoredEndpoint, Health, int]]:
    destinations = [destination_of(one.id) for one in endpoints]
    health, waiting = tx.outbox_outcomes.seen_health(destinations), tx.outbox.waiting(destinations)
    return [(one, health[at], waiting[at]) for one, at in zip(endpoints, destinations, strict=True)]


def _with(stored: StoredEndpoint, wanted: EndpointChange) -> StoredEndpoint:
    """Return an endpoint with what is to change of what is not sealed."""
    types = stored.types if wanted.types is None else tuple(wanted.types)
    return replace(stored, types=types, ordered=stored.ordered if wanted.ordered is None else wanted.ordered)


def _put(
    tx: Transaction,
    before: StoredEndpoint,
    new: StoredEndpoint,
    public_key: str | None,
    *,
    actor: str,
    grace: timedelta | None,
) -> bool:
    """Write a changed endpoint; False if it was changed meanwhile."""
    tx.lock_account(new.account_id, exclusive=True)
    if tx.event_endpoints.get(new.account_id, new.id) != before:
        return False
    now = tx.now()
    until = before.grace_until if grace is None else now + grace
    keys = public_keys_after(before.public_keys, public_key, now=now, until=now + (grace or timedelta()))
    changed = replace(new, changed_at=now, changed_by=actor, grace_until=until, public_keys=keys)
    # Another secret says nothing about its receiver.
    tx.event_endpoints.put(changed, repairs=grace is None)
    log_endpoint(tx, "event_endpoint.changed", new, actor)
    return True


def _view(stored: StoredEndpoint, words: EndpointSecrets, health: Health, waiting: int) -> EndpointView:
    return EndpointView(
        endpoint=stored, url=words.url, description=words.description, health=health, waiting=waiting
    )
