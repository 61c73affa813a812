"""Make the package that answers a request for access: the person's own channel of each recording, and its facts.

It is a ZIP file, or several of bounded size with whole recordings, in the order of the decision. Each is sealed under a
key of its own while it is made; nothing of it is written in clear.
"""

import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vault.database.interface import Database
from vault.domain.requests.decision import effect_of
from vault.domain.requests.package import index_html
from vault.domain.requests.request import Request, Verdict
from vault.services.requests.package_contents import PackageContents
from vault.services.requests.package_files import Making, PackageFiles
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
        making = await self.seal.next_part(request, is_last_try=tries >= _TRIES) if is_wanted else None
        if making is None:
            return request
        noted = await self.seal(making, self._blocks(making, own_terms), lambda: _noted(making))
        return noted if making.is_last_part else None

    async def _blocks(self, making: Making, own_terms: frozenset[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield the ZIP file."""
        request, account_id = making.request, making.request.account_id
        for recording_id, verdict in _still_to_give(making):
            if making.is_full:
                making.is_last_part = False
                break
            is_whole = verdict.code == "provided_whole"
            async for block in self.files(making, recording_id, is_whole=is_whole):
                yield block
            consultations = await self.contents.consultations(account_id, recording_id)
            text = json.dumps(consultations, indent=2)
            making.size += len(text)
            yield making.add_text(f"recordings/{recording_id}/consultations.json", text)
            making.through = (ruling_of(request).at, recording_id)
        about = await self.files.about.processing(account_id)
        if making.is_last_part:
            yield making.add_text("about.json", about.text)
            calls = await self.files.about.calls(request)
            yield making.add_text("calls.json", json.dumps(calls, indent=2))
            async for request_id, receipt in self.contents.earlier_receipts(account_id, own_terms):
                yield making.add_text(f"receipts/{request_id}.json", receipt)
        yield making.add_request(await self._recipients(account_id))
        page = index_html(
            request, making.names, making.left_out, making.echoes, made_at=making.at, about=about.sections
        )
        yield making.archive.add_text("index.html", page)
        yield making.archive.finish()

    async def _recipients(self, account_id: str) -> Sequence[str]:
        return await self.database.read(
            lambda tx: sorted({one.provider for one in tx.connections.of_account(account_id)})
        )


def _still_to_give(making: Making) -> Iterator[tuple[str, Verdict]]:
    """Yield the recordings to provide that are in no part yet, and the verdict on each."""
    ruling = ruling_of(making.request)
    names = ruling.recordings
    if making.through is not None and making.through[1] in names:
        names = names[names.index(making.through[1]) + 1 :]
    for name in names:
        verdict = ruling.verdict_on(name)
        if effect_of(making.request.kind, verdict) == "provide":
            yield name, verdict


def _noted(making: Making) -> Request:
    """Return the request with ``not_provided`` on what is left out, its echoes, and its package once that is made."""
    request, ruling = making.request, ruling_of(making.request)
    verdicts = {**ruling.verdicts, **dict.fromkeys(making.left_out, Verdict(code="not_provided"))}
    packaged = making.packaged if making.is_last_part else ruling.packaged
    echoes = tuple(dict.fromkeys([*ruling.echoes, *making.echoes]))
    noted = replace(ruling, verdicts=verdicts, packaged=packaged, echoes=echoes)
    if noted == ruling:
        return request
    personal = replace(personal_of(request), ruling=noted)
    return replace(request, personal=personal, revision=request.revision + 1)
