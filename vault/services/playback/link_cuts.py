"""Cuts: refuse links minted before a time, including signed links that the vault has never seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.ids import new_id
from vault.domain.page import PAGE
from vault.domain.playback.link_key import LinkCut, Target, minted_until
from vault.domain.playback.signed_token import MAX_AHEAD
from vault.errors import Invalid, NotFound
from vault.ports.clock import Clock
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.encrypted_fields import name_term
from vault.services.shared.paced import paced
from vault.services.shared.revoke_links import cut_links


@dataclass(frozen=True, slots=True, kw_only=True)
class CutRequest:
    """What to cut: one of the four, or, without any, all links of the account."""

    #: The name of a key.
    key: str | None = None
    recording: str | None = None
    listener: str | None = None
    jti: str | None = None
    #: None: all that was minted until now, by clocks that are ahead too, and every session that is open.
    minted_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CutView:
    """A cut, with the name of its key or its listener."""

    cut: LinkCut
    key: str | None
    listener: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCuts:
    """Make and list cuts."""

    database: Database
    data_keys: AccountDataKeys
    clock: Clock

    async def make(self, account_id: str, wanted: CutRequest, *, actor: str) -> CutView:
        """Refuse links minted before a time, and end the sessions that they have opened.

        It holds for signed links that the vault has not seen yet, and for links of its own. Raises Invalid, NotFound.
        """
        target = _target(wanted)
        cut = LinkCut(
            id=new_id("cut"),
            account_id=account_id,
            target=target,
            value=await self._value(account_id, wanted),
            minted_before=wanted.minted_before or self.clock(),
            created_at=self.clock(),
            created_by=actor,
            sealed_listener=await self.data_keys.seal_words(account_id, "link-cut", wanted.listener),
        )

        def make(tx: Transaction) -> LinkCut:
            return _make(tx, cut, wanted)

        made = await self.database.write(make, urgent=True)
        return CutView(cut=made, key=wanted.key, listener=wanted.listener)

    async def list(
        self, account_id: str, *, before: tuple[datetime, str] | None = None, limit: int = PAGE
    ) -> Sequence[CutView]:
        """Return a page of the cuts that still refuse something, newest first."""

        def find(tx: Transaction) -> Sequence[tuple[LinkCut, str | None]]:
            found = tx.link_keys.cuts(account_id, before=before, limit=limit)
            keys = {cut.value: tx.link_keys.by_id(cut.value) for cut in found if cut.target == "key"}
            names = {value: None if key is None else key.name for value, key in keys.items()}
            return [(cut, names.get(cut.value)) for cut in found]

        return [
            CutView(
                cut=cut,
                key=name,
                listener=await self.data_keys.open_words(account_id, "link-cut", cut.sealed_listener),
            )
            async for cut, name in paced(await self.database.read(find))
        ]

    async def _value(self, account_id: str, wanted: CutRequest) -> str:
        if wanted.listener is not None:
            index_key = await self.data_keys.index_key(account_id)
            return name_term(index_key, "listener", wanted.listener).hex()
        return wanted.recording or wanted.jti or ""


def _target(wanted: CutRequest) -> Target:
    """Return what is cut. Raises Invalid if two things are named."""
    named: dict[Target, str | None] = {
        "key": wanted.key,
        "recording": wanted.recording,
        "listener": wanted.listener,
        "jti": wanted.jti,
    }
    targets = [target for target, value in named.items() if value is not None]
    if len(targets) > 1:
        raise Invalid("Name at most one of key, recording, listener and jti.", field=targets[1])
    return targets[0] if targets else "account"


def _make(tx: Transaction, wanted: LinkCut, request: CutRequest) -> LinkCut:
    account_id = wanted.account_id
    tx.lock_account(account_id, exclusive=True)
    now = tx.now()
    latest = max(now, wanted.created_at)
    cut = replace(wanted, minted_before=request.minted_before or minted_until(latest), created_at=now)
    if request.minted_before is not None and request.minted_before > latest + MAX_AHEAD:
        text = "minted_before must not be in the future: it would refuse links that are minted later."
        raise Invalid(text, field="minted_before")
    if cut.target == "recording" and tx.recordings.get(account_id, cut.value) is None:
        raise NotFound("There is no such recording.", field="recording")
    if request.key is not None:
        key = tx.link_keys.find(account_id, request.key)
        if key is None:
            raise NotFound("There is no such link key.", field="key")
        # A key of before may have its public key under another name.
        for other in tx.link_keys.same(key):
            if other.id != key.id:
                cut_links(tx, replace(cut, id=new_id("cut"), value=other.id))
        cut = replace(cut, value=key.id)
    cut_links(tx, cut)
    return cut
