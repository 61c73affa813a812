"""A whole story in one process: opened, announced, fetched, sent, let in, heard, rotated, erased, published.

Anyone who asks asks again when the vault does not answer, and the worker looks until there is no work. Between its
looks time passes: leases run out, and what waits comes due.
"""

import base64
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import update

from tests.faults.nth_call import AnyDatabase, Nth
from tests.faults.nth_wire import MediaNetwork
from tests.support.service_house import LONG_AGO, WITHOUT_EVIDENCE, blocks_of
from tests.support.tenant import moment, tone
from vault.database.schema.access_log import publication
from vault.database.schema.core import recordings
from vault.database.schema.node import turns
from vault.domain.calls.provider_api import Delivery
from vault.domain.recordings.recording import State
from vault.errors import Busy, LeaseLost, RecordingErased, Refused, Unavailable
from vault.services.accounts.connections import ConnectionRequest
from vault.services.playback.link_request import LinkRequest
from vault.services.service import Vault
from vault.telephony.signatures.standard_webhooks import sign

T = TypeVar("T")
FETCHED, SENT = tone(0.3), tone(0.2)
URL = "https://media.example/call.wav"
_ME = {"actor": "key_test"}
_TRIES = 5


@dataclass
class Site:
    """One vault among parts that may fail, and the same vault as a node sees it that meets no fault."""

    nth: Nth
    vault: Vault
    #: Another node, which has nothing in memory yet.
    quiet: Vault
    database: AnyDatabase
    network: MediaNetwork


@dataclass
class Story:
    """The story, and what callers were told in it."""

    site: Site
    account: str = ""
    fetched: str = ""
    sent: str = ""
    #: What callers heard instead of an answer.
    heard: list[Exception] = field(default_factory=list)

    async def tell(self) -> None:
        """Tell it to its end."""
        vault = self.site.vault
        opened, _ = await self.ask(
            lambda: vault.accounts.accounts.open("acme", name=None, locale=None, **_ME)
        )
        self.account = opened.id
        await self.ask(
            lambda: vault.consent.policy.set(self.account, WITHOUT_EVIDENCE, if_version=None, **_ME)
        )
        await self._bring_in()
        await self._listen()
        await self.ask(lambda: vault.key_rotation.rotations.begin(self.account, **_ME), again=(Refused,))
        await self.work("rewrap", "manifests", "account_objects")
        erase = partial(vault.recordings.recordings.erase, self.account, self.sent, **_ME)
        await self.ask(erase, again=(RecordingErased,))
        await self.work("remove_erased", "tombstones")
        await self.work("sequence", "sign", "publish")

    async def settle(self) -> None:
        """Lift the fault, and let the worker do what there is; after a day, sweep."""
        self.site.nth.at = 0
        await self.hurry()
        await self.work(*self._steps())
        left = [one.key async for one in self.site.quiet.jobs.sweep.objects.list("") if self.sent in one.key]
        assert left == [], "What was erased is gone before any sweep."
        await replace(self.site.vault.jobs.sweep, grace=-timedelta(days=1))(everything=True)

    async def ask(self, verb: Callable[[], Awaitable[T]], *, again: tuple[type[Exception], ...] = ()) -> T:
        """Ask, and ask again where the vault does not answer; ``again`` are answers of the second time alone."""
        for attempt in range(_TRIES):
            try:
                return await verb()
            except Busy as error:
                self.heard.append(error)
                await self.hurry()
            except Unavailable as error:
                self.heard.append(error)
            except again:
                if not attempt:
                    raise
                return None  # type: ignore[return-value]
        raise AssertionError(f"The vault never answered: {self.heard}")

    async def work(self, *names: str) -> None:
        """Look for work of these kinds until there is none."""
        steps = self._steps()
        for _ in range(12):
            found = [await _step(steps[name]) for name in names]
            if not any(found):
                return
            await self.hurry()
        raise AssertionError(f"There is always more to do of {names}.")

    async def hurry(self) -> None:
        """Let time pass."""

        def run_out(tx: Any) -> None:
            tx.connection.execute(update(recordings).values(not_before=LONG_AGO, lease_until=LONG_AGO))
            tx.connection.execute(update(turns).values(until=LONG_AGO))
            tx.connection.execute(update(publication).values(not_before=LONG_AGO))

        await self.site.quiet.database.write(run_out)

    async def _bring_in(self) -> None:
        """A webhook, an upload, and both come through the gate."""
        vault = self.site.vault
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        wish = ConnectionRequest(provider="platform", credentials={"secret": secret})
        connection, _, _ = await self.ask(
            lambda: vault.accounts.connections.set(self.account, "main", wish, **_ME)
        )
        delivery = self._delivery(secret)
        receipt = await self.ask(lambda: vault.ingest.webhooks.receive("platform", connection.id, delivery))
        assert receipt.recording_id is not None
        self.fetched = receipt.recording_id
        send = partial(vault.ingest.uploads.store, self.account, "call-2", "sent", voices=(), **_ME)
        row, _ = await self.ask(lambda: send(blocks=blocks_of(SENT)))
        self.sent = row.id
        await self.work("ingest", "describe", "manifests", "account_objects")
        for one in (self.fetched, self.sent):
            found = await self.row(one)
            assert found.state is State.AVAILABLE, (one == self.sent, found.state, found.reasons)

    async def _listen(self) -> None:
        """A link, its session, and all of the audio."""
        vault = self.site.vault
        wish = LinkRequest(listener="Ada", kind="player", life=timedelta(minutes=15), sessions=1)
        _, token = await self.ask(
            lambda: vault.playback.links.create(self.account, self.fetched, wish, **_ME)
        )
        nonce = secrets.token_hex(16)
        opened = await self.ask(
            lambda: vault.playback.open_links.open(token.text, nonce=nonce, address=None, agent="test")
        )

        async def play() -> bytes:
            found = await vault.playback.open_links.find(opened.session.id, opened.secret.text)
            sound = await vault.playback.audio.for_session(found.session, found.recording, found.keys)
            return b"".join(
                [block async for block in await vault.playback.audio.stream(sound, 0, sound.size)]
            )

        assert await self.ask(play) == FETCHED

    async def row(self, recording_id: str) -> Any:
        """Return a recording's row, as it is."""
        return await self.site.quiet.database.read(lambda tx: tx.recordings.by_id(recording_id))

    def _delivery(self, secret: str) -> Delivery:
        """Serve the media and return the webhook, which a platform sends again as it was."""
        self.site.network.serve(URL, FETCHED)
        now = datetime.now(UTC)
        said = {"call_ref": "call-1", "recording_ref": "fetched", "recording_url": URL}
        body = json.dumps({"type": "recording.completed", "timestamp": moment(now), "data": said}).encode()
        headers = sign(secret, delivery_id=secrets.token_hex(8), sent_at=now, body=body)
        return Delivery(
            method="POST", url="https://vault.example/", headers=headers, body=body, received_at=now
        )

    def _steps(self) -> dict[str, Callable[[], Awaitable[bool]]]:
        """Return what the worker does, by turns where it does; nothing waits for its pause."""
        vault, now = self.site.vault, timedelta()
        due = (
            vault.jobs.write_manifests,
            vault.jobs.write_account_objects,
            vault.jobs.write_tombstones,
            replace(vault.jobs.rewrap, grace=now),
            # The process that committed the act will not write its object any more.
            replace(vault.jobs.keep_journal, clock=lambda: datetime.now(UTC) + timedelta(minutes=1)),
        )
        return {
            "ingest": vault.jobs.ingest,
            "describe": vault.jobs.describe,
            "remove_erased": vault.jobs.remove_erased,
            **{
                job.work: partial(vault.singleton_jobs.run_if_due, job)
                for service in due
                for job in service.jobs()
            },
            "sequence": vault.jobs.log_publisher.sequence,
            "sign": replace(vault.jobs.log_publisher, sign_interval=now).sign,
            "publish": replace(vault.jobs.log_publisher, publish_interval=now).publish,
        }


async def _step(step: Callable[[], Awaitable[bool]]) -> bool:
    """Do one piece of work. The worker goes on after an outage, and after a lease that it lost; nothing else."""
    try:
        return await step()
    except (LeaseLost, Unavailable):
        return True
