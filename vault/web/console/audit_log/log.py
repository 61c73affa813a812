"""The access log: its checkpoint and key, the account's events with their proofs, the export, and verification."""

import base64
import binascii
from collections.abc import Mapping
from contextvars import copy_context
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Path, Response
from fastapi.responses import StreamingResponse

from vault.domain.audit_log.access_event import AccessEvent, LoggedEvent
from vault.domain.audit_log.audio_requests import GRANT_OF
from vault.domain.audit_log.listening import Span, heard
from vault.domain.recordings.media import clock_length
from vault.errors import Tampered, Unavailable, VaultError
from vault.services.audit_log.access_log import EventPage
from vault.thread_pools import Threads
from vault.tlog.note import parse_verifier
from vault.tlog.proof_file import parse_proof_file, verify_proof_file
from vault.tlog.receipt_file import verify_receipt
from vault.web.console.acts import comes_back
from vault.web.console.audit_log.titles import choices, title, types_of
from vault.web.console.forms import checked
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import WordedInvalid
from vault.web.console.multipart import read_multipart
from vault.web.console.route import console_router
from vault.web.console.words import REQUEST_STATES, moment_text
from vault.web.http.translations import gettext, ngettext, translatable, translated
from vault.web.schemas.access_log import EventsQuery
from vault.web.schemas.base import line_feeds

router = console_router()
Auditing = Annotated[Here, needs("audit:read")]
SECTION: Final = "Log"
TABS: Final = (
    {"name": translatable("Events"), "path": "/log"},
    {"name": translatable("Checkpoint and exports"), "path": "/log/checkpoint"},
    {"name": translatable("Verify"), "path": "/log/verify"},
)
_NO_LEAF: Final = translatable("The leaf is not base64: copy it from the event.")
_LEAF_WANTED: Final = translatable(
    "This proof has no leaf, so it can be checked only with that: download the proof again, or add the leaf below."
)
#: Events of a page, and entries of the whole log that the first page reads.
_PAGE: Final = 200
_FILTERS: Final = ("recording", "kind", "listener", "actor", "from", "to", "cursor")
#: One file at a time: to read one of megabytes takes a quarter of a second of CPU.
_VERIFIER: Final = Threads("verify", 1)
_MAX_INDEX: Final = 2**62
#: Characters of the field for a leaf.
_MAX_LEAF: Final = 20_000
_TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """An event on the page."""

    logged: LoggedEvent
    #: What a title does not say: what is sealed, by its name.
    detail: Mapping[str, str]
    #: Which part of the audio, in seconds or bytes; empty for none.
    part: str

    @property
    def title(self) -> str:
        return title(self.logged.event.type)


@router.get("/log")
async def show_log(here: Auditing) -> Response:
    """Show a page of events: those among the log's newest entries unless asked otherwise.

    With a checkpoint that somebody kept, those after it, once the log is seen to begin with it.
    """
    sent = {name: here.request.query_params.get(name, "").strip() for name in _FILTERS}
    earlier = None
    if kept := here.request.query_params.get("checkpoint", "").strip():
        try:
            earlier = await here.vault.audit_log.proofs.size_of(f"{line_feeds(kept)}\n".encode())
        except Tampered as error:
            return await _checkpoint(here, kept=kept, wrong=str(error))
        sent["cursor"] = sent["cursor"] or str(earlier)
    size = 0 if any(sent.values()) else _entries(await _note(here))
    asked = checked(EventsQuery, _query(sent, size))
    page = await here.vault.audit_log.access_log.list_events(
        here.account_id, asked.filter, start=asked.cursor, limit=asked.limit
    )
    following = None if page.next_start is None else sent | {"cursor": str(page.next_start)}
    return Tab(SECTION, TABS, "/log").page(
        here,
        "log.html",
        gettext("Log"),
        rows=await _rows(here, page),
        following=following and {name: value for name, value in following.items() if value},
        is_newest=not any(sent.values()) and asked.cursor > 0,
        values=sent,
        choices=choices(),
        earlier=earlier,
    )


@router.get("/log/checkpoint")
async def show_checkpoint(here: Auditing) -> Response:
    """Show what an auditor keeps: the newest checkpoint, the key of the log, and exports."""
    return await _checkpoint(here)


async def _checkpoint(here: Here, *, kept: str = "", wrong: str = "") -> Response:
    """Show the page; ``wrong`` says what is wrong with the checkpoint that somebody ``kept``."""
    note = await _note(here)
    return Tab(SECTION, TABS, "/log/checkpoint").page(
        here,
        "log_checkpoint.html",
        gettext("Checkpoint and exports"),
        status=422 if wrong else 200,
        checkpoint=note,
        size=_entries(note),
        key=here.vault.audit_log.proofs.verifier_key(),
        kept=kept,
        wrong=wrong,
    )


async def _note(here: Here) -> str:
    """Return the newest checkpoint; empty before the first."""
    try:
        return (await here.vault.audit_log.proofs.checkpoint()).decode()
    except Unavailable:
        return ""


def _entries(note: str) -> int:
    return int(note.split("\n")[1]) if note else 0


def _query(sent: Mapping[str, str], size: int) -> dict[str, object]:
    """Return what REST would be asked for the fields of the filter in a log of ``size`` entries."""
    query: dict[str, object] = {name: moment_text(sent[name]) for name in ("from", "to")} | {"limit": _PAGE}
    query |= {name: sent[name] for name in ("recording", "listener", "actor", "cursor") if sent[name]}
    if sent["kind"]:
        query["type"] = types_of(sent["kind"])
    if not any(sent.values()):
        # To find a time, the service reads from the first event on.
        query["cursor"] = max(0, size - _PAGE)
    return query


async def _rows(here: Here, page: EventPage) -> list[_Row]:
    events = [logged.event for logged, _ in page.items]
    seconds = await here.vault.audit_log.access_log.seconds_of(here.account_id, events)
    return [
        _Row(
            logged=logged,
            detail={name: value for name, value in detail.items() if name != "heard"},
            part=_part(logged.event, seconds.get(logged.event.id), detail.get("heard", "")),
        )
        for logged, detail in page.items
    ]


def _part(event: AccessEvent, seconds: Span | None, reported: str) -> str:
    """Return which part of the audio an event is about; empty if it is about none."""
    if reported:
        return ", ".join(_clocks(span) for span in heard([reported]))
    if seconds is not None:
        return _clocks(seconds)
    if event.type not in GRANT_OF and event.type not in GRANT_OF.values():
        return ""
    count = (event.end or 0) - (event.first or 0)
    return ngettext("%(num)s byte", "%(num)s bytes", count)


def _clocks(span: Span) -> str:
    return f"{clock_length(span[0])}-{clock_length(span[1])}"


@router.get("/log/events/{index}/proof")
async def download_proof(here: Auditing, index: Annotated[int, Path(ge=0, le=_MAX_INDEX)]) -> Response:
    """Download the proof that an event is in the log."""
    proof = await here.vault.audit_log.proofs.prove_event(here.account_id, index, with_leaf=True)
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
@comes_back(show_verification)
async def verify_file(here: Auditing) -> Response:
    """Verify a receipt, or a proof with its leaf, by the log's own key. Nothing is stored; a typed leaf stays."""
    fields: dict[str, bytes] = {}
    try:
        fields = read_multipart(here.request.headers.get("content-type", ""), await here.request.body())
        # With the context of the request, which has the language of the page.
        right = await _VERIFIER.run(
            copy_context().run, _verify, fields, here.vault.audit_log.proofs.verifier_key()
        )
    except WordedInvalid as error:
        return _verification(here, fields, missing=str(error))
    except VaultError as error:
        return _verification(here, fields, wrong=str(error))
    return _verification(here, fields, right)


def _outcome_words(state: str) -> str:
    """Return the outcome of a receipt in words; one of a later release as it is."""
    return next((translated(words) for known, words in REQUEST_STATES.items() if known == state), state)


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
            outcome=_outcome_words(statement["outcome"]),
            at=statement["answered_at"],
            recordings=receipt.recordings,
            leaves=receipt.leaves,
        )
    leaf = _leaf_of(data, fields.get("leaf", b"").strip())
    index, checkpoint = verify_proof_file(data, leaf, [verifier])
    return ngettext(
        "This proof is right: the leaf is entry %(index)s of this log, which has %(num)s entry.",
        "This proof is right: the leaf is entry %(index)s of this log, which has %(num)s entries.",
        checkpoint.size,
        index=str(index),
    )


def _leaf_of(proof: bytes, typed: bytes) -> bytes:
    """Return the leaf that was typed, else that of the file. Raises VaultError if there is none."""
    if not typed:
        leaf = parse_proof_file(proof).extra
        if not leaf:
            raise WordedInvalid(gettext(_LEAF_WANTED), field="leaf")
        return leaf
    try:
        return base64.b64decode(typed, validate=True)
    except (ValueError, binascii.Error) as error:
        raise WordedInvalid(gettext(_NO_LEAF), field="leaf") from error


def _verification(
    here: Here,
    fields: Mapping[str, bytes] | None = None,
    right: str = "",
    *,
    wrong: str = "",
    missing: str = "",
) -> Response:
    """Show the form, with the leaf of ``fields``. A file has to be chosen again: no page can fill that in.

    ``wrong`` says why a file proves nothing, ``missing`` what is needed to check it.
    """
    typed = (fields or {}).get("leaf", b"").decode("ascii", "replace")[:_MAX_LEAF]
    return Tab(SECTION, TABS, "/log/verify").page(
        here,
        "log_verify.html",
        gettext("Verify a receipt or a proof"),
        status=422 if wrong or missing else 200,
        key=here.vault.audit_log.proofs.verifier_key(),
        right=right,
        wrong=wrong,
        missing=missing,
        max_leaf=_MAX_LEAF,
        values={"leaf": typed} if typed else here.form.values(),
    )
