"""Ways to anchor that look right and are not: the proof must notice each."""

import asyncio
from collections.abc import Sequence
from typing import Any

from tests.support.anchoring import utc_now
from vault.database.stores.audit_log.checkpoints import StoredCheckpoint
from vault.domain.audit_log.anchor import AnchorPlace
from vault.services.audit_log.anchor import Anchor
from vault.services.audit_log.published_tiles import PublishedLog


class SizeAlone(PublishedLog):
    """Compares anchors by their size alone."""

    async def strangers(self, database: Any, places: Sequence[AnchorPlace]) -> list[AnchorPlace]:
        """Return those that are larger."""
        size = await database.read(lambda tx: tx.tree.head().size)
        return [place for place in places if place.size > size]


class OneListing(Anchor):
    """Lists before the put alone."""

    async def _attempt(self, draft: Any) -> list[AnchorPlace] | None:
        found = await self.published_log.anchors()
        if await self._contradicted(found):
            return None
        await self.objects.put(draft.place.key, draft.body)
        return []


class ShownFirst(Anchor):
    """Shows what it is about to anchor."""

    async def covering(self, leaves: int) -> StoredCheckpoint:
        """Return what is not anchored yet."""
        del leaves
        draft = await self.database.read(self._draft)
        asyncio.ensure_future(self.extend()).add_done_callback(lambda task: task.exception())
        return StoredCheckpoint(size=draft.place.size, note=draft.note, at=utc_now())


class Trusting(Anchor):
    """Takes for granted what another node of its own history has put and may still take back."""

    async def _attempt(self, draft: Any) -> Sequence[AnchorPlace] | None:
        found = await self.published_log.anchors()
        if not await self._contradicted(found) and any(draft.place.root == one.root for one in found):
            return []
        return await Anchor._attempt(self, draft)


class Stubborn(Anchor):
    """Never takes back what it put."""

    async def _delete(self, keys: Sequence[str]) -> None:
        await Anchor._delete(self, [key for key in keys if key not in self._unsure])
