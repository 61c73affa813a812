"""Register, show and delete the public keys by which customers sign links offline."""

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.playback.link import MAX_LIFETIME, MAX_SESSIONS, Kind, check_networks
from vault.domain.playback.link_key import (
    MAX_KEYS,
    Algorithm,
    LinkKey,
    load_key,
    read_public_key,
    verifies,
)
from vault.domain.playback.own_token import TokenKey
from vault.errors import Invalid, NotFound, Refused
from vault.ports.clock import Clock
from vault.rfc3339 import parse_rfc3339, write_rfc3339
from vault.sentence import Sentence
from vault.services.playback.verify_link_token import LinkTokenVerifier
from vault.services.shared.end_listening import require_open
from vault.services.shared.revoke_links import delete_link_key

#: How long a challenge can be signed.
CHALLENGE_LIFE: Final = timedelta(minutes=10)
#: First words of a challenge. The signed part of a token has no spaces, so neither can stand for the other.
_CHALLENGE: Final = "callvault link key v1"
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
_NONE: Final = "There is no such link key."


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkKeyRequest:
    """A key to register, or the new limits of one that is registered."""

    #: PEM text.
    public_key: str
    algorithm: Algorithm
    max_life: timedelta
    max_sessions: int
    kinds: Sequence[Kind]
    networks: Sequence[str]
    download: bool
    not_after: datetime | None
    challenge: str
    #: The signature over the challenge, base64url.
    proof: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkKeys:
    """Register, show and delete keys that sign links."""

    database: Database
    verifier: LinkTokenVerifier
    token_key: TokenKey
    clock: Clock

    async def challenge(self, account_id: str) -> tuple[str, datetime]:
        """Return a text that the owner of a private key signs, and until when. Nothing is stored."""
        until = self.clock() + CHALLENGE_LIFE
        head = f"{_CHALLENGE} {account_id} {write_rfc3339(until)} {secrets.token_hex(8)}"
        return f"{head} {self._tag(head)}", until

    async def set(self, account_id: str, name: str, wanted: LinkKeyRequest, *, actor: str) -> LinkKey:
        """Register a key under a name, or change the limits of the same key.

        Raises Invalid, and Refused if the name has another key, another name has this one, or the account has MAX_KEYS.
        """
        raw = self._check(account_id, name, wanted)
        key = LinkKey(
            id=self.verifier.new_key_id(),
            account_id=account_id,
            name=name,
            algorithm=wanted.algorithm,
            public_key=raw,
            max_life=int(wanted.max_life.total_seconds()),
            max_sessions=wanted.max_sessions,
            kinds=tuple(dict.fromkeys(wanted.kinds)),
            networks=tuple(wanted.networks),
            download=wanted.download,
            not_after=wanted.not_after,
            created_at=self.clock(),
            created_by=actor,
        )
        return await self.database.write(lambda tx: _put(tx, key, actor))

    async def list(self, account_id: str) -> Sequence[LinkKey]:
        """Return the account's keys, ordered by name."""
        return await self.database.read(lambda tx: tx.link_keys.of_account(account_id))

    async def read(self, account_id: str, name: str) -> LinkKey:
        """Return one key. Raises NotFound."""
        return await self.database.read(lambda tx: _existing(tx, account_id, name))

    async def delete(self, account_id: str, name: str, *, actor: str) -> None:
        """Delete a key: what it has signed opens nothing from now on, on any node, and its open sessions end.

        Raises NotFound if the account has none of this name. If the object of this closing act is not known to be
        stored, a repeated call stores it and raises nothing.
        """

        def delete(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            key = tx.link_keys.find(account_id, name)
            if key is None and tx.closing_acts.recall(account_id, "link_key.deleted", name):
                return
            key = _existing(tx, account_id, name)
            delete_link_key(tx, key, at=tx.now(), actor=actor)

        await self.database.write(delete, urgent=True)

    def _check(self, account_id: str, name: str, wanted: LinkKeyRequest) -> bytes:
        """Return the raw public key. Raises Invalid, which names the field."""
        if _NAME.fullmatch(name) is None:
            raise Invalid(
                "name must be 1 to 64 lowercase letters, digits, dots, dashes or underscores, and must begin and end "
                "with a letter or digit.",
                field="name",
            )
        if not timedelta(seconds=1) <= wanted.max_life <= MAX_LIFETIME:
            raise Invalid("max_life must be between 1 and 86400 seconds.", field="max_life")
        if not 1 <= wanted.max_sessions <= MAX_SESSIONS:
            text = Sentence("max_sessions must be between 1 and %(number)s.", number=MAX_SESSIONS)
            raise Invalid(text, field="max_sessions")
        if not wanted.kinds:
            raise Invalid("kinds must have player, media or both.", field="kinds")
        check_networks(wanted.networks)
        raw = read_public_key(wanted.public_key, wanted.algorithm)
        self._check_proof(account_id, wanted, raw)
        return raw

    def _check_proof(self, account_id: str, wanted: LinkKeyRequest, raw: bytes) -> None:
        head, _, tag = wanted.challenge.rpartition(" ")
        parts = head.removeprefix(_CHALLENGE).split()
        made = hmac.compare_digest(self._tag(head).encode(), tag.encode("utf-8", "surrogatepass"))
        if not made or parts[0] != account_id or parse_rfc3339(parts[1]) <= self.clock():
            raise Invalid(
                "challenge is not one of this account's, or it is older than ten minutes.", field="challenge"
            )
        try:
            given = wanted.proof.rstrip("\r\n")
            proof = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
        except (binascii.Error, ValueError):
            proof = b""
        key = load_key(wanted.algorithm, raw)
        # An editor ends the last line of a file.
        if not any(verifies(key, f"{wanted.challenge}{end}".encode(), proof) for end in ("", "\n", "\r\n")):
            text = "proof must be the signature of challenge by the private key of public_key: 64 bytes, base64url."
            raise Invalid(text, field="proof")

    def _tag(self, head: str) -> str:
        return self.token_key.tag(head.encode("utf-8", "surrogatepass")).hex()


def _put(tx: Transaction, wanted: LinkKey, actor: str) -> LinkKey:
    """Write the key. One with the same public key keeps its id."""
    tx.lock_account(wanted.account_id, exclusive=True)
    require_open(tx, wanted.account_id)
    known, now = tx.link_keys.find(wanted.account_id, wanted.name), tx.now()
    if known is None:
        _refuse_known(tx, wanted)
        if len(tx.link_keys.of_account(wanted.account_id)) >= MAX_KEYS:
            text = f"The account has {MAX_KEYS} link keys, the maximum. Delete one that signs no more."
            raise Refused(text, reasons=("too_many_link_keys",))
        key = replace(wanted, created_at=now)
    elif known.algorithm == wanted.algorithm and hmac.compare_digest(known.public_key, wanted.public_key):
        key = replace(wanted, id=known.id, created_at=known.created_at, created_by=known.created_by)
    else:
        text = "Another key has this name. Register the new one under another name, then delete this one."
        raise Refused(text, reasons=("other_key",))
    tx.link_keys.put(key)
    tx.events.append(
        AccessEvent(
            type="link_key.registered" if known is None else "link_key.changed",
            at=now,
            account_id=key.account_id,
            actor=actor,
            result=key.id,
        )
    )
    return key


def _refuse_known(tx: Transaction, wanted: LinkKey) -> None:
    """Raise Refused if another name of the account has this public key: deleting one of the two would end nothing."""
    if same := tx.link_keys.same(wanted):
        text = f"This public key is registered already, as {same[0].name}. Change its limits, or delete it first."
        raise Refused(text, reasons=("known_public_key",))


def _existing(tx: Transaction, account_id: str, name: str) -> LinkKey:
    key = tx.link_keys.find(account_id, name)
    if key is None:
        raise NotFound(_NONE)
    return key
