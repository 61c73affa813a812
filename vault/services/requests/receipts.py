"""Receipts of requests as files that can be verified offline."""

from dataclasses import dataclass

from vault.services.requests.read_receipt import ReadReceipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """Return the receipts of closed requests."""

    read_receipt: ReadReceipt

    async def read(self, account_id: str, request_id: str) -> bytes:
        """Return the receipt file of a request.

        Raises NotFound before the request is closed and after its own retention, Unavailable while the log is not
        anchored up to it.
        """
        return await self.read_receipt(account_id, request_id)
