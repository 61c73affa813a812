"""Routes of acts that can need an approval: do the act, or answer 202 with the approval that waits."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Header, Response

from vault.domain.approvals.approval import Approval
from vault.errors import ApprovalNeeded, Invalid, NotFound
from vault.services.service import Vault
from vault.web.http.auth import Access
from vault.web.http.idempotency import answer_json
from vault.web.schemas.approvals import ApprovalOut

_MAX_REASON = 500
#: Why the act is wanted, for the approver: ASCII, or UTF-8 with percent-encoding.
ApprovalReason = Annotated[
    str | None,
    Header(
        alias="Approval-Reason",
        max_length=4 * _MAX_REASON,
        description="Why it is wanted, for the approver: ASCII, or UTF-8 with percent-encoding. It is sealed.",
    ),
]


async def done_or_asked(
    vault: Vault,
    allowed: Access,
    act: Callable[[], Awaitable[Response]],
    *,
    subject: str,
    arguments: Mapping[str, Any],
    reason: str | None,
) -> Response:
    """Return the response of ``act``; 202 with the approval if the account's rule wants one for it."""
    words = reason_words(reason)
    try:
        return await act()
    except ApprovalNeeded as needed:
        asked = await vault.approvals.approvals.ask(
            allowed.account.id,
            needed,
            subject=subject,
            arguments=arguments,
            reason=words,
            actor=allowed.actor,
        )
    return approval_response(ApprovalOut.of(asked, allowed.account.ref))


def approval_response(asked: ApprovalOut) -> Response:
    """Return 202 with what waits, and its address."""
    return answer_json(asked, status=202, headers={"Location": asked.address}, exclude_none=True)


def reason_words(reason: str | None) -> str | None:
    """Return the reason of the header. Raises Invalid."""
    if reason is None:
        return None
    try:
        words = unquote(reason, errors="strict")
    except ValueError:
        words = "\0"
    if not words.strip() or len(words) > _MAX_REASON or not words.isprintable():
        text = f"Approval-Reason must be printable text of at most {_MAX_REASON} characters, with percent-encoding."
        raise Invalid(text, field="Approval-Reason")
    return words


async def reference_of(vault: Vault, approval: Approval) -> str | None:
    """Return the account's reference of the request on which an approved act decides."""
    if approval.kind not in {"request_erasure", "request_export"}:
        return None
    try:
        return await vault.requests.requests.reference(approval.account_id, approval.subject)
    except NotFound:
        return None
