"""The access log: its checkpoint and key, the account's events with their proofs, the export, and verification."""

import base64
import binascii
from contextvars import copy_context
from typing import Annotated, Final

from fastapi import Path, Response
from fastapi.responses import StreamingResponse

from vault.errors import Unavailable, VaultError
from vault.services.audit_log.access_log import EventFilter
from vault.thread_pools import Threads
from vault.tlog.note import parse_verifier
from vault.tlog.proof_file import verify_proof_file
from vault.tlog.receipt_file import verify_receipt
from vault.web.console.forms import checked, read_multipart
from vault.web.console.here import Here, Tab, needs
from vault.web.console.route import console_router
from vault.web.console.words import moment_text
from vault.web.http.translations import gettext, ngettext, translatable
from vault.web.schemas.access_log import EventsQuery

router = console_router()
Auditing = Annotated[Here, needs("audit:read")]
SECTION: Final = "Log"
TABS: Final = (
    {"name": translatable("Events"), "path": "/log"},
    {"name": translatable("Verify"), "path": "/log/verify"},
)
#: Events of a page, and entries of the whole log that the first page reads.
_NO_LEAF: Final = translatable("The leaf is not base64: copy it from the event.")
_PAGE: Final = 200
_FILTERS: Final = ("recording", "from", "to", "cursor")
#: One file at a time: to read one of megabytes takes a quarter of a second of CPU.
_VERIFIER: Final = Threads("verify", 1)
_MAX_INDEX: Final = 2**62
_TEXT: Final = "text/plain; charset=utf-8"


@router.get("/log")
async def show_log(here: Auditing) -> Response:
    """Show the checkpoint and a page of events: those among the log's newest entries unless asked otherwise."""
    sent = {name: here.request.query_params.get(name, "").strip() for name in _FILTERS}
    try:
        checkpoint = (await here.vault.audit_log.proofs.checkpoint()).decode()
    except Unavailable:
        checkpoint = ""
    size = int(checkpoint.split("\n")[1]) if checkpoint else 0
    query = {name: moment_text(sent[name]) for name in ("from", "to")} | {"limit": _PAGE}
    query |= {name: sent[name] for name in ("recording", "cursor") if sent[name]}
    if not any(sent.values()):
        # To find a time, the service reads from the first event on.
        query["cursor"] = max(0, size - _PAGE)
    asked = checked(EventsQuery, query)
    wanted = EventFilter(recording_id=asked.recording, listener=None, since=asked.since, until=asked.until)
    page = await here.vault.audit_log.access_log.list_events(
        here.account_id, wanted, start=asked.cursor, limit=asked.limit
    )
    return Tab(SECTION, TABS, "/log").page(
        here,
        "log.html",
        gettext("Log"),
        events=page.items,
        following=page.next_start,
        is_newest=not any(sent.values()) and asked.cursor > 0,
        values=sent,
        checkpoint=checkpoint,
        size=size,
        key=here.vault.audit_log.proofs.verifier_key(),
    )


@router.get("/log/events/{index}/proof")
async def download_proof(here: Auditing, index: Annotated[int, Path(ge=0, le=_MAX_INDEX)]) -> Response:
    """Download the proof that an event is in the log."""
    proof = await here.vault.audit_log.proofs.prove_event(here.account_id, index)
    headers = {"Content-Disposition": f'attachment; filename="access-event-{index}.tlog-proof"'}
    return Response(proof, media_type=_TEXT, headers=headers)


@router.get("/log/export")
async def download_log(here: Auditing) -> Response:
    """Export the log as REST does: the account's own leaves in full, all others as hashes."""
    parts = await here.vault.audit_log.proofs.export(here.account_id)
    headers = {"Content-Disposition": 'attachment; filename="access-log.callvault-log"'}
    return StreamingResponse(parts, media_type=_TEXT, headers=headers)


@router.get("/log/verify")
async def show_verification(here: Auditing) -> Response:
    """Show the form that takes a receipt or a proof."""
    return _verification(here)


@router.post("/log/verify")
async def verify_file(here: Auditing) -> Response:
    """Verify a receipt, or a proof with its leaf, by the log's own key. Nothing is stored."""
    fields = read_multipart(here.request.headers.get("content-type", ""), await here.request.body())
    try:
        # With the context of the request, which has the language of the page.
        right = await _VERIFIER.run(
            copy_context().run, _verify, fields, here.vault.audit_log.proofs.verifier_key()
        )
    except VaultError as error:
        return _verification(here, wrong=str(error))
    return _verification(here, right)


def _verify(fields: dict[str, bytes], key: str) -> str:
    """Return what the file proves, in a sentence. Raises VaultError for one that proves nothing."""
    data, verifier = fields.get("file", b""), parse_verifier(key)
    if data.lstrip()[:1] == b"{":
        receipt = verify_receipt(data, verifier=verifier)
        statement = receipt.statement
        return gettext(
            "This receipt is right. Request: %(request)s; kind: %(kind)s; outcome: %(outcome)s; answered: %(at)s; "
            "recordings: %(recordings)s; leaves of this log: %(leaves)s.",
            request=statement["request"],
            kind=statement["kind"],
            outcome=statement["outcome"],
            at=statement["answered_at"],
            recordings=receipt.recordings,
            leaves=receipt.leaves,
        )
    try:
        leaf = base64.b64decode(fields.get("leaf", b"").strip(), validate=True)
    except (ValueError, binascii.Error) as error:
        raise VaultError(_NO_LEAF) from error
    index, checkpoint = verify_proof_file(data, leaf, [verifier])
    return ngettext(
        "This proof is right: the leaf is entry %(index)s of this log, which has %(num)s entry.",
        "This proof is right: the leaf is entry %(index)s of this log, which has %(num)s entries.",
        checkpoint.size,
        index=str(index),
    )


def _verification(here: Here, right: str = "", *, wrong: str = "") -> Response:
    return Tab(SECTION, TABS, "/log/verify").page(
        here,
        "log_verify.html",
        gettext("Verify a receipt or a proof"),
        status=422 if wrong else 200,
        key=here.vault.audit_log.proofs.verifier_key(),
        right=right,
        wrong=wrong,
    )
