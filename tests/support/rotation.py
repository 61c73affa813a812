"""An account with something of every kind that its key seals, and the steps of a rotation."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import null, select, update

from tests.support.notice_drafts import TEXT, wish
from tests.support.parties import CALLER, PARTIES, tell
from tests.support.service_house import AUDIO, LONG_AGO, House
from vault.database.schema.account_keys import month_keys
from vault.database.schema.core import recordings
from vault.database.stores.key_rotation.sealed_columns import SEALED_COLUMNS, SEALED_KINDS, SealedRow
from vault.domain.calls.call import CallFacts
from vault.domain.notices.audio import PromptRequest
from vault.domain.recordings.recording import RecordingFilter, State
from vault.domain.registers.entries import Recipient
from vault.domain.requests.request import Identity, PersonalData, Verdict, Verification
from vault.domain.stored.manifest import Manifest, decode_manifest, location_of
from vault.services.accounts.connections import ConnectionRequest
from vault.services.audit_log.access_log import EventFilter
from vault.services.key_rotation.rewrap_account import reseal
from vault.services.key_rotation.rotate_account_key import RotationProgress
from vault.services.playback.link_request import LinkRequest
from vault.services.requests.new_request import NewRequest
from vault.services.requests.ruling_request import RulingRequest

LINK = LinkRequest(listener="Ada", kind="player", life=timedelta(minutes=15), sessions=5)
RECIPIENT = Recipient(
    name="Hosting",
    address="",
    contact="",
    role="processor",
    purpose="p",
    country="FR",
    since=date(2026, 1, 1),
)
ME = {"actor": "key_test"}
CONNECTION = ConnectionRequest(provider="platform", credentials={"secret": "whsec_" + "bmV3" * 8})


async def fill(house: House) -> str:
    """Bring in a recording, and something of every kind that an account's key seals; return its id."""
    vault, account_id = house.vault, house.account.id
    facts = CallFacts(call_ref="call-1", direction="inbound", caller=CALLER, agent="Ada")
    await vault.recordings.calls.start(account_id, facts)
    await tell(house, "announced")
    recording_id = (await house.announce(**PARTIES)).recording_id
    assert await house.settle(recording_id) is State.AVAILABLE
    await house.vault.jobs.write_manifests()
    await house.announce("waits", url="https://media.example/other.wav")
    await vault.consent.objections.enter(account_id, "+33123456780", reason=None, **ME)
    draft = await vault.consent.notices.draft(account_id, wish(text=TEXT), **ME)
    await vault.consent.notices.set_audio(account_id, draft.id, AUDIO, PromptRequest(beep="start"), **ME)
    await vault.playback.links.create(account_id, recording_id, LINK, **ME)
    await close_request(house)
    await vault.registers.recipients.enter(account_id, RECIPIENT, **ME)
    return recording_id


async def close_request(house: House) -> str:
    """Receive a request for access of the caller, and close it with its package and receipt; return its id."""
    request_id = await decide_request(house)
    assert await house.vault.jobs.execute_requests()
    return request_id


async def decide_request(house: House) -> str:
    """Receive a request for access of the caller, and decide it; return its id."""
    personal = PersonalData(
        reference="ticket",
        identities=(Identity(type="number", value=CALLER),),
        verification=Verification(method="login", at=LONG_AGO, by="key_test"),
    )
    new = NewRequest(kind="access", regime="none", received_at=LONG_AGO, personal=personal)
    view, _ = await house.vault.requests.requests.receive(house.account.id, new, **ME)
    ruling = RulingRequest(
        default=Verdict(code="provided_whole"), verdicts={}, reason=None, period=None, whole_time=False
    )
    await house.vault.requests.requests.decide(house.account.id, view.request.id, ruling, **ME)
    return view.request.id


async def versions(house: House) -> dict[str, set[int]]:
    """Return under which versions the rows of each kind lie, themselves or with their month keys."""

    def read(tx: Any) -> dict[str, set[int]]:
        month = {row.id: row.key_version for row in tx.connection.execute(select(month_keys))}
        found = {}
        for kind, place in SEALED_COLUMNS.items():
            of_month = null() if place.month is None else place.month
            query = select(place.version, of_month).where(place.sealed.is_not(None))
            rows = tx.connection.execute(query).all()
            found[kind] = {version if key is None else month[key] for version, key in rows}
        return found

    return await house.database.read(read)


def all_under(version: int) -> dict[str, set[int]]:
    """Return what ``versions`` does where everything lies under one version."""
    return {kind: {version} for kind in SEALED_KINDS}


async def before_months(house: House, *, but: str = "") -> None:
    """Bring the rows, except this recording, to the form of earlier releases: sealed under the account key itself."""
    ring, account_id = house.vault.jobs.rewrap.ring, house.account.id
    current = await ring.current(account_id)
    for kind, place in SEALED_COLUMNS.items():
        if place.month is None:
            continue
        query = select(place.name, place.sealed, place.month).where(
            place.account == account_id,
            place.sealed.is_not(None),
            place.month.is_not(None),
            place.name != but,
        )
        for name, sealed, month in await house.database.read(
            lambda tx, query=query: tx.connection.execute(query).all()
        ):
            old = await ring.month_key(account_id, month)
            row = SealedRow(name=name, sealed=sealed)
            ((_, new),), _ = reseal(kind, account_id, [row], old=old, new=current.key)
            values = {place.sealed: new, place.version: current.version, place.month: None}
            change = update(place.table).where(place.name == name).values(values)
            await house.database.write(lambda tx, change=change: tx.connection.execute(change))
    due = update(recordings).where(recordings.c.wrapped_key.is_not(None), recordings.c.state == "available")
    await house.database.write(lambda tx: tx.connection.execute(due.values(manifest_due=True)))
    await house.vault.jobs.write_manifests()


def manifest_of(house: House, recording_id: str) -> Manifest:
    """Return the recording's manifest in the object store."""
    stored = house.objects.objects[location_of(house.account.id, recording_id)]
    return decode_manifest(bytes(stored.body))


async def rotate(house: House) -> RotationProgress:
    """Begin a rotation."""
    return await house.vault.key_rotation.rotations.begin(house.account.id, **ME)


async def step(house: House) -> None:
    """Do what the worker does about rotations, once, without the pause before the end."""
    await replace(house.vault.jobs.rewrap, grace=timedelta())()
    await house.vault.jobs.write_manifests()
    await house.vault.jobs.write_account_objects()


async def finish(house: House) -> None:
    """Do it until the old version is destroyed."""
    for _ in range(20):
        if not await house.vault.jobs.rewrap.any_due():
            return
        await step(house)
    raise AssertionError("The rotation does not come to its end.")


async def everything_opens(house: House, recording_id: str) -> None:
    """Assert that whatever the account's key had sealed can be read as it was."""
    vault, account_id = house.vault, house.account.id
    assert await house.heard(recording_id) == AUDIO
    found = await vault.recordings.recordings.page(
        account_id, RecordingFilter(), number=CALLER, agent=None, before=None, limit=99
    )
    # Another recording of the call waits, and is found as well.
    assert recording_id in {view.recording.id for view in found}
    assert [one.number for one in await vault.consent.objections.list(account_id, after=None, limit=9)] == [
        "+33123456780"
    ]
    assert [listener for _, listener in await vault.playback.links.list(account_id, recording_id)] == ["Ada"]
    (notice,) = await vault.consent.notices.list(account_id)
    assert await vault.consent.notices.read_own_audio(account_id, notice.id, "pcm")
    await vault.jobs.log_publisher.sequence()
    page = await vault.audit_log.access_log.list_events(
        account_id, EventFilter(listener="Ada"), start=0, limit=9
    )
    assert [detail for _, detail in page.items] == [{"listener": "Ada"}]
    assert (await vault.consent.records.read_evidence(account_id, recording_id, **ME)).sealed.canonical
    (entry,) = await vault.registers.recipients.page(account_id, before=None, limit=9)
    assert entry.content == RECIPIENT
