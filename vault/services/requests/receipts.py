"""Read the receipt of a request, with a proof from the log for each leaf that it rests on."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from vault.batches import batches
from vault.database.interface import Database
from vault.database.stores.requests.requests import SealedReceipt
from vault.database.transaction import Transaction
from vault.domain.requests.receipt_summary import ReceiptSummary, summarise
from vault.domain.stored import encryption_context as bound
from vault.errors import NotFound, Unavailable
from vault.ports.keys import KeyRing
from vault.sealing.message import open_message
from vault.services.audit_log.anchor import Anchor
from vault.services.audit_log.checkpoints import prove_leaves
from vault.thread_pools import Threads
from vault.tlog.note import Signer
from vault.tlog.receipt_file import ProvenLeaf, write_receipt

#: Events in one read, in search of the receipt's, and leaves proven in one read: that takes up to 0.2 seconds.
_BATCH_SIZE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """Open sealed receipts, and write them as files."""

    database: Database
    ring: KeyRing
    anchor: Anchor
    signer: Signer
    threads: Threads

    async def read(self, account_id: str, request_id: str) -> bytes:
        """Return the receipt file of a request.

        Raises NotFound before the request is closed and after its own retention, Unavailable while the log is not
        anchored up to it.
        """
        receipt, text = await self._open(account_id, request_id)
        # A receipt of 10,000 recordings has some megabytes.
        named = await self.threads.run(_indexes_in, text)
        indexes = sorted({*named, await self.database.read(lambda tx: _index_of(tx, account_id, receipt))})
        await self.anchor.covering(indexes[-1] + 1)
        leaves: list[ProvenLeaf] = []
        for batch in batches(indexes, _BATCH_SIZE):
            leaves += await self.database.read(lambda tx, batch=batch: _prove(tx, account_id, batch))  # type: ignore[misc]
        return await self.threads.run(write_receipt, text, leaves, self.signer.verifier)

    async def summary(self, account_id: str, request_id: str) -> ReceiptSummary:
        """Return what the receipt of a request says, without its proofs. Raises NotFound as ``read`` does."""
        _, text = await self._open(account_id, request_id)
        return await self.threads.run(summarise, text)

    async def _open(self, account_id: str, request_id: str) -> tuple[SealedReceipt, bytes]:
        receipt = await self.database.read(lambda tx: tx.requests.receipt(account_id, request_id))
        if receipt is None:
            raise NotFound("This request has no receipt: it is not closed yet, or its retention has ended.")
        key = await self.ring.version(account_id, receipt.key_version)
        return receipt, open_message(
            key.key, receipt.message, context=bound.of_receipt(account_id, request_id)
        )


def _indexes_in(text: bytes) -> set[int]:
    """Return the indexes of the leaves that a statement names."""
    return {leaf["index"] for recording in json.loads(text)["recordings"] for leaf in recording["leaves"]}


def _index_of(tx: Transaction, account_id: str, receipt: SealedReceipt) -> int:
    """Return the index of the event that has the receipt's digest. Raises Unavailable while it waits for its index."""
    start = receipt.log_size
    while page := tx.events.page(account_id, recording_id=None, start=start, limit=_BATCH_SIZE):
        for logged in page:
            if logged.event.id == receipt.event_id:
                return logged.index
        start = page[-1].index + 1
    raise Unavailable(
        "The event of the receipt is not in the log's tree yet. Repeat in a moment.", retry_after=1
    )


def _prove(tx: Transaction, account_id: str, indexes: Sequence[int]) -> list[ProvenLeaf]:
    leaves = []
    for index in indexes:
        logged = tx.events.at(account_id, index)
        if logged is None:
            raise Unavailable("The database was just replaced. Repeat.", retry_after=1)
        leaves.append(logged.leaf)
    proofs = [proof.write() for proof in prove_leaves(tx, indexes)]
    return [ProvenLeaf(leaf=leaf, proof=proof) for leaf, proof in zip(leaves, proofs, strict=True)]
