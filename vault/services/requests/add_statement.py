"""Add a person's statement to the evidence of recordings, which are not edited: once to each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import EMPTY
from vault.domain.requests.request import Request, Verdict
from vault.services.lifecycle.evidence_chain import SETTLED, EvidenceChain, append, open_entry
from vault.services.requests.decided import Decided
from vault.services.requests.progress import Part
from vault.services.requests.sealed_requests import SealedRequests, personal_of, ruling_of
from vault.services.shared.encrypted_fields import OpenedRecording


@dataclass(frozen=True, slots=True, kw_only=True)
class AddStatement:
    """Carry out the decision ``noted``."""

    database: Database
    sealed: SealedRequests
    chain: EvidenceChain

    async def __call__(self, request: Request, decided: Decided) -> tuple[Request, Part]:
        """Add the statement to every recording with this decision; return the request, and whether one is in flight.

        What was refused or failed has nothing to correct: the request says ``no_match`` of it then.
        """
        ruling, nothing, part = ruling_of(request), list[str](), Part()
        content = {"by": ruling.by, "request": request.id, "statement": personal_of(request).wish}
        for one in decided.with_effect(request.kind, "note"):
            if one.state in EMPTY:
                nothing.append(one.id)
                continue
            opened = None
            with part.each(request.account_id, one.id):
                if one.state in SETTLED:
                    opened = await self.chain.of_recording(request.account_id, one.id)
                if opened is None:
                    part.waits = True
                    continue
                await self.database.write(partial(_add_once, opened=opened, content=content))
        if not nothing:
            return request, part
        verdicts = {**ruling.verdicts, **dict.fromkeys(nothing, Verdict(code="no_match"))}
        noted = replace(personal_of(request), ruling=replace(ruling, verdicts=verdicts))
        changed = replace(request, personal=noted)
        return await self.sealed.change(changed, None, actor=ruling.by, at=ruling.at), part


def _add_once(tx: Transaction, opened: OpenedRecording, content: Mapping[str, Any]) -> None:
    recording = opened.recording
    tx.lock_account_and_call(recording.account_id, recording.call_ref)
    current = tx.recordings.get(recording.account_id, recording.id)
    if current is None or current.state not in SETTLED:
        return
    entries = [open_entry(opened, row).content for row in tx.evidence.of_recording(recording.id)]
    if all(entry.get("request") != content["request"] for entry in entries):
        append(tx, opened, "rectification", content, at=tx.now())
