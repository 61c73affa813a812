"""Addresses that the vault where an account was gave out: where they lead now, at both ends."""

import hashlib
import hmac
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from vault.database.interface import Database
from vault.domain.calls.provider_api import Delivery
from vault.domain.ids import Token
from vault.domain.moves.move import GONE, Move
from vault.domain.outbox.attempt import Answer
from vault.domain.playback.own_token import TokenKey
from vault.domain.public_urls import PublicUrls
from vault.errors import FetchFailed, NotFound, Unavailable
from vault.ports.outside import Outside
from vault.services.playback.doorways import door_from
from vault.services.shared.peer_keys import PeerKeys
from vault.structured_log import Log

_LOG = Log(__name__)
#: The header of a webhook that the vault where the account was passes on: the address that its platform called, and
#: what proves it.
PASSED_ON: Final = "callvault-passed-on"
#: Headers of one connection, which are not passed on (RFC 9110, 7.6.1), and those that the client sets itself.
_OF_A_CONNECTION: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
        "expect",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OldAddresses:
    """Leads from old addresses to the vault where an account is."""

    database: Database
    outside: Outside
    token_key: TokenKey
    peers: PeerKeys

    async def of_account(self, ref: str) -> Move | None:
        """Return the move of an account that is at another vault, by its name or id. Raises Unavailable on its way."""
        return await self._gone(ref, named=True)

    async def of_page(self, path: str) -> str | None:
        """Return the address at the other vault for a path that names no account; None if there is none.

        Raises Unavailable for one of an account on its way.
        """
        _, first, name, *_ = [*path.split("/"), "", ""]
        move = None
        if first == "p":
            move = await self._gone(Token(name).digest.hex()) if self.token_key.made(name) else None
        elif first == "h":
            try:
                move = await self._gone(door_from(self.token_key, name).account_id, named=True)
            except NotFound:
                move = None
        elif first in {"notices", "privacy"}:
            move = await self._gone(name)
        return None if move is None else _there(move, path, name)

    async def pass_on(self, connection_id: str, path: str, delivery: Delivery) -> Answer | None:
        """Send a webhook to where the account of its connection is, and return the answer there.

        None if no account that left has the connection. Raises Unavailable, so that the platform sends it again.
        """
        move = await self._gone(connection_id)
        if move is None:
            return None
        query = urlsplit(delivery.url).query
        url = _there(move, path, connection_id) + (f"?{query}" if query else "")
        headers = {name: value for name, value in delivery.headers.items() if name not in _OF_A_CONNECTION}
        headers[PASSED_ON] = f"{_proof(self.token_key, move.account_id, delivery)} {delivery.url}"
        host = urlsplit(url).hostname or ""
        try:
            return await self.outside.request(delivery.method, url, headers, delivery.body, [host])
        except FetchFailed as error:
            _LOG.warning("webhook.not_passed_on", account_id=move.account_id, reason=str(error))
            raise Unavailable("The vault where the account is did not answer. Send it again.") from None

    async def as_called(self, connection_id: str, delivery: Delivery) -> Delivery:
        """Return a webhook with the address that its platform called, if another vault has passed it on."""
        proof, _, url = delivery.headers.get(PASSED_ON, "").partition(" ")
        if not url:
            return delivery
        connection = await self.database.read(lambda tx: tx.connections.get(connection_id))
        peer = None if connection is None else await self.peers.of_account(connection.account_id)
        if connection is None or peer is None:
            return delivery
        called = replace(delivery, url=url)
        return (
            called
            if hmac.compare_digest(proof, _proof(peer.key, connection.account_id, called))
            else delivery
        )

    async def _gone(self, name: str, *, named: bool = False) -> Move | None:
        move = await self.database.read(
            lambda tx: (
                (tx.account_moves.named(name) or tx.account_moves.of(name))
                if named
                else tx.account_moves.at_address(name)
            )
        )
        if move is None or move.phase not in GONE:
            return None
        if move.statement is None:
            raise Unavailable("The account is on its way to another vault. Repeat in a few seconds.")
        return move


def _there(move: Move, path: str, name: str) -> str:
    urls = PublicUrls(public_url=move.peer_url, cell=move.peer_cell)
    return urls.public_url + "/".join(
        urls.labelled(part) if part == name else part for part in path.split("/")
    )


def _proof(key: TokenKey, account_id: str, delivery: Delivery) -> str:
    what = (account_id.encode(), delivery.url.encode(), hashlib.sha256(delivery.body).digest())
    return key.tag(b"passed on\x00" + b"\x00".join(what)).hex()
