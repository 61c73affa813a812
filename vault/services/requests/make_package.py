"""Make the package that answers a request for access: the person's own channel of each recording, and its facts.

It is a ZIP file, or several of bounded size with whole recordings, in the order of the decision. Each is sealed under a
key of its own while it is made; nothing of it is written in clear.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.registers.package_page import PageContent, write_page
from vault.domain.requests.decision import effect_of
from vault.domain.requests.request import Request, Verdict
from vault.services.requests.package_contents import PackageContents
from vault.services.requests.package_files import PackageFiles, PackagePart
from vault.services.requests.seal_package import SealPackage
from vault.services.requests.sealed_requests import personal_of, ruling_of

#: Tries after which what cannot be read is left out: its cause is not passing any more.
_TRIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MakePackage:
    """Make packages; a request has one at most."""

    database: Database
    contents: PackageContents
    files: PackageFiles
    seal: SealPackage

    async def __call__(self, request: Request, own_terms: frozenset[bytes], *, tries: int) -> Request | None:
        """Make the next part of a request's package; return the changed request, or None while parts are missing.

        ``own_terms``: the keyed hashes that are the person's alone; they find its earlier receipts.
        A recording that cannot be put in it is listed with the reason, and has the verdict ``not_provided``: if it
        cannot be decoded, at the first try; if it is damaged or missing, or the describer ends at it, at the fifth of
        the ``tries``.
        Raises Unavailable, DescriberCrashed, Tampered and NotFound before that, TooLarge.
        """
        ruling = ruling_of(request)
        is_wanted = any(
            effect_of(request.kind, ruling.verdict_on(name)) == "provide"
            for name in (*ruling.recordings, *ruling.calls)
        )
        part = await self.seal.next_part(request, is_last_try=tries >= _TRIES) if is_wanted else None
        if part is None:
            return request
        noted = await self.seal(part, self._blocks(part, own_terms), lambda: _noted(part))
        return noted if part.is_last_part else None

    async def _blocks(self, part: PackagePart, own_terms: frozenset[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield the ZIP file."""
        request, account_id = part.request, part.request.account_id
        for recording_id, verdict in _still_to_give(part):
            if part.is_full:
                part.is_last_part = False
                break
            is_whole = verdict.code == "provided_whole"
            async for block in self.files(part, recording_id, is_whole=is_whole):
                yield block
            consultations = await self.contents.consultations(account_id, recording_id)
            text = json.dumps(consultations, indent=2)
            part.size += len(text)
            yield part.add_text(f"recordings/{recording_id}/consultations.json", text)
            part.through = (ruling_of(request).at, recording_id)
        about = await self.files.about.processing(account_id, part.language)
        if part.is_last_part:
            yield part.add_text("about.json", about.text)
            calls = await self.files.about.calls(request)
            yield part.add_text("calls.json", json.dumps(calls, indent=2))
            async for request_id, receipt in self.contents.earlier_receipts(account_id, own_terms):
                yield part.add_text(f"receipts/{request_id}.json", receipt)
        yield part.add_request(await self._recipients(account_id))
        content = PageContent(
            received_at=request.received_at,
            made_at=part.at,
            number=part.number,
            is_last=part.is_last_part,
            names=part.names,
            calls=part.calls,
            left_out=part.left_out,
            times=part.times,
            echoes=part.echoes,
            about=about.sections,
        )
        # Its length grows with the number of recordings.
        page = await asyncio.to_thread(write_page, content, about.texts)
        yield part.archive.add_text("index.html", page)
        yield part.archive.finish()

    async def _recipients(self, account_id: str) -> Sequence[str]:
        """Return the platforms of the account, and the systems to which it has handed calls over."""

        def read(tx: Transaction) -> list[str]:
            found = tx.integrations.of_account(account_id)
            success = tx.integrations.last_success([one.id for one in found])
            systems = {one.system for one in found if success.get(one.id) is not None}
            return sorted(systems | {one.provider for one in tx.connections.of_account(account_id)})

        return await self.database.read(read)


def _still_to_give(part: PackagePart) -> Iterator[tuple[str, Verdict]]:
    """Yield the recordings to provide that are in no part yet, and the verdict on each."""
    ruling = ruling_of(part.request)
    names = ruling.recordings
    if part.through is not None and part.through[1] in names:
        names = names[names.index(part.through[1]) + 1 :]
    for name in names:
        verdict = ruling.verdict_on(name)
        if effect_of(part.request.kind, verdict) == "provide":
            yield name, verdict


def _noted(part: PackagePart) -> Request:
    """Return the request with ``not_provided`` on what is left out, its echoes, and its package once that is made."""
    request, ruling = part.request, ruling_of(part.request)
    verdicts = {**ruling.verdicts, **dict.fromkeys(part.left_out, Verdict(code="not_provided"))}
    packaged = part.packaged if part.is_last_part else ruling.packaged
    echoes = tuple(dict.fromkeys([*ruling.echoes, *part.echoes]))
    noted = replace(ruling, verdicts=verdicts, packaged=packaged, echoes=echoes)
    if noted == ruling:
        return request
    personal = replace(personal_of(request), ruling=noted)
    return replace(request, personal=personal, revision=request.revision + 1)
