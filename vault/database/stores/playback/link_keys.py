"""Customers' keys that sign links, and cuts of links."""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update

from vault.database.account_parts.link_keys import (
    link_key_of,
    revoke_covered,
    revoke_signed,
    row_of_link_key,
)
from vault.database.account_parts.part import account_changed, of_row, row_of
from vault.database.schema.playback import link_cuts, link_keys
from vault.database.sql.conditions import earlier_than
from vault.database.sql.dialect import insert_new
from vault.database.stores.playback.signed_links import PermissionQuery, SignedLinkState, read_signed_link
from vault.database.stores.rows import Rows
from vault.domain.playback.link import MAX_LIFETIME
from vault.domain.playback.link_key import LinkCut, LinkKey
from vault.domain.playback.signed_token import MAX_AHEAD

_K, _C = link_keys.c, link_cuts.c
#: A cut older than the longest life of a link refuses nothing that has not expired.
_CUT_COUNTS_FOR: Final = MAX_LIFETIME + MAX_AHEAD + timedelta(hours=1)


class LinkKeyRows(Rows):
    """The keys and cuts of one transaction. A caller that changes any has the account's exclusive lock."""

    def by_id(self, key_id: str) -> LinkKey | None:
        """Return a key by the ``kid`` of its tokens, also a deleted one."""
        row = self._db.execute(select(link_keys).where(_K.id == key_id)).mappings().first()
        return None if row is None else link_key_of(row)

    def find(self, account_id: str, name: str) -> LinkKey | None:
        """Return an account's key by name, unless it is deleted."""
        mine = (_K.account_id == account_id) & (_K.name == name) & _K.deleted_at.is_(None)
        row = self._db.execute(select(link_keys).where(mine)).mappings().first()
        return None if row is None else link_key_of(row)

    def of_account(self, account_id: str) -> Sequence[LinkKey]:
        """Return the keys that are not deleted, ordered by name."""
        mine = (_K.account_id == account_id) & _K.deleted_at.is_(None)
        rows = self._db.execute(select(link_keys).where(mine).order_by(_K.name)).mappings()
        return [link_key_of(row) for row in rows]

    def put(self, key: LinkKey) -> None:
        """Insert a key, or change the limits of the one with this id. The account's object becomes due."""
        row = row_of_link_key(key)
        if not insert_new(self._db, link_keys, row):
            self._db.execute(update(link_keys).where(_K.id == key.id).values(row))
        account_changed(self._db, key.account_id)

    def same(self, key: LinkKey) -> Sequence[LinkKey]:
        """Return the account's keys with the public key of this one: earlier releases took it under several names."""
        return [
            one
            for one in self.of_account(key.account_id)
            if one.algorithm == key.algorithm and hmac.compare_digest(one.public_key, key.public_key)
        ]

    def delete(self, key_id: str, at: datetime) -> None:
        """Delete a key, and revoke what it signed: open sessions end at their next window. Can be repeated.

        So are keys of other names with the same public key, from before: whoever has the private key signs for all.
        """
        key = self.by_id(key_id)
        if key is None:
            return
        ids = {key_id, *(one.id for one in self.same(key) if one.created_at <= at)}
        live = _K.id.in_(ids) & _K.deleted_at.is_(None)
        self._db.execute(update(link_keys).where(live).values(deleted_at=at))
        account_changed(self._db, key.account_id)
        revoke_signed(self._db, key.account_id, ids, at)

    def cut(self, cut: LinkCut, *, but_for_restricted: bool = False) -> None:
        """Insert a cut, and revoke what it covers among the links that there are. Repeating changes nothing.

        A restore may have the cut already, from the account's object, and in its old database the links live.
        Cuts that refuse nothing any more are deleted. The account's object becomes due. ``but_for_restricted``: links
        that play a restricted recording stay; a restore that repeats the cut revokes them too, to be sure.
        """
        old = (_C.account_id == cut.account_id) & (_C.minted_before < cut.created_at - _CUT_COUNTS_FOR)
        self._db.execute(delete(link_cuts).where(old))
        if insert_new(self._db, link_cuts, row_of(cut)):
            account_changed(self._db, cut.account_id)
        revoke_covered(self._db, cut, but_for_restricted=but_for_restricted)

    def cuts(self, account_id: str, *, before: tuple[datetime, str] | None, limit: int) -> Sequence[LinkCut]:
        """Return a page of an account's cuts, the newest first."""
        earlier = earlier_than(_C.created_at, _C.id, before)
        query = select(link_cuts).where(_C.account_id == account_id, *earlier)
        query = query.order_by(_C.created_at.desc(), _C.id.desc())
        return [of_row(LinkCut, row) for row in self._db.execute(query.limit(limit)).mappings()]

    def get_cut(self, cut_id: str) -> LinkCut | None:
        """Return a cut."""
        row = self._db.execute(select(link_cuts).where(_C.id == cut_id)).mappings().first()
        return None if row is None else of_row(LinkCut, row)

    def signed(self, query: PermissionQuery) -> SignedLinkState | None:
        """Return the state of a signed link, as ``PermissionQuery.fetch`` does outside of a transaction."""
        return read_signed_link(query.select.rows(self._db, **query.values))
