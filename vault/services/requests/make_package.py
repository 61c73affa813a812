"""Make the package that answers a request for access: the person's own channel of each recording, and its facts.

It is sealed under a key of its own while it is made; nothing of it is written in clear.
"""

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from vault.database.interface import Database
from vault.domain.requests.decision import effect_of
from vault.domain.requests.package import LeftOut, index_html, request_json
from vault.domain.requests.request import Request, Verdict
from vault.services.requests.find_person import FindPerson
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
    find: FindPerson
    contents: PackageContents
    files: PackageFiles
    seal: SealPackage

    async def __call__(self, request: Request, *, tries: int) -> Request:
        """Make the package of a request if it needs one and has none; return the request as it is then.

        A recording that cannot be put in it is listed with the reason, and has the verdict ``not_provided``: if it
        cannot be decoded, at the first try; if it is damaged or missing, or the describer ends at it, at the fifth of
        the ``tries``.
        Raises Unavailable, DescriberCrashed, Tampered and NotFound before that, TooLarge.
        """
        account_id, ruling = request.account_id, ruling_of(request)
        is_wanted = any(
            effect_of(request.kind, ruling.verdict_on(name)) == "provide"
            for name in (*ruling.recordings, *ruling.calls)
        )
        known = await self.database.read(lambda tx: tx.packages.get(account_id, request.id))
        if not is_wanted or known is not None:
            return request
        at = await self.database.read(lambda tx: tx.now())
        making = Making(request=request, at=at, is_last_try=tries >= _TRIES)
        return await self.seal(making, self._blocks(making), lambda: _with_left_out(request, making.left_out))

    async def _blocks(self, making: Making) -> AsyncGenerator[bytes, None]:
        """Yield the ZIP file."""
        request, archive = making.request, making.archive
        ruling, account_id = ruling_of(request), request.account_id
        consultations: list[dict[str, object]] = []
        for recording_id in ruling.recordings:
            verdict = ruling.verdict_on(recording_id)
            if effect_of(request.kind, verdict) != "provide":
                continue
            consultations += await self.contents.consultations(account_id, recording_id)
            is_whole = verdict.code == "provided_whole"
            async for block in self.files(making, recording_id, is_whole=is_whole):
                yield block
        terms = await self.find.terms(account_id, personal_of(request))
        async for request_id, receipt in self.contents.earlier_receipts(account_id, terms.own):
            yield making.add_text(f"receipts/{request_id}.json", receipt)
        recipients = await self.database.read(
            lambda tx: sorted({one.provider for one in tx.connections.of_account(account_id)})
        )
        told = request_json(request, recipients, making.left_out, made_at=making.at)
        yield making.add_text("consultations.json", json.dumps(consultations, indent=2))
        yield making.add_text("request.json", json.dumps(told, indent=2))
        page = index_html(request, making.names, making.left_out, made_at=making.at)
        yield archive.add_text("index.html", page)
        yield archive.finish()


def _with_left_out(request: Request, left_out: Mapping[str, LeftOut]) -> Request:
    """Return the request with the verdict ``not_provided`` on what is left out."""
    if not left_out:
        return request
    personal, ruling = personal_of(request), ruling_of(request)
    verdicts = {**ruling.verdicts, **dict.fromkeys(left_out, Verdict(code="not_provided"))}
    ruled = replace(personal, ruling=replace(ruling, verdicts=verdicts))
    return replace(request, personal=ruled, revision=request.revision + 1)
