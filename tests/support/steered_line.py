"""A call that a platform steers by the vault's documents, asked for in the process of the test."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tests.support.parties import ME, set_policy
from tests.support.service_house import House
from vault.domain.calls.call_document import Document
from vault.domain.calls.provider_api import Delivery
from vault.domain.consent.consent_event import ConsentEvent
from vault.domain.notices.notice import Notice, NoticeMode, NoticeRequest
from vault.services.accounts.connections import ConnectionRequest
from vault.services.consent.call_documents import Stage
from vault.simulator.call import SimulatedCall, call_that_ended
from vault.simulator.instructions import Follow, Instruction, Wait
from vault.simulator.provider import Asking, SteeredProvider
from vault.simulator.registry import STEERED
from vault.telephony.registry import PROVIDERS

NEXT = "https://application.example/next"
#: How each platform asks at each door.
ASKING: Mapping[Stage, Asking] = {"call": "start", "heard": "next", "key": "key"}


def with_platforms(house: House) -> House:
    """Return the house with the adapters of all platforms."""
    platforms = {platform.name: platform for platform in PROVIDERS}
    accounts, consent = house.vault.accounts, house.vault.consent
    connections = replace(accounts.connections, providers={**accounts.connections.providers, **platforms})
    documents = replace(consent.call_documents, providers=platforms)
    return replace(
        house,
        vault=replace(
            house.vault,
            accounts=replace(accounts, connections=connections),
            consent=replace(consent, call_documents=documents),
        ),
    )


async def publish(
    house: House,
    words: str = "to train our staff",
    mode: NoticeMode = "opt_out_key",
    refusal: str = "press 9",
) -> Notice:
    """Publish a notice for callers; without words for ``refusal`` it names the account's key."""
    wish = NoticeRequest(
        language="en", audience="caller", mode=mode, controller="Acme Limited", purposes=words,
        refusal=refusal, full_notice="acme.example/privacy",
    )  # fmt: skip
    draft = await house.vault.consent.notices.draft(house.account.id, wish, **ME)
    return await house.vault.consent.notices.publish(house.account.id, draft.id, **ME)


class SteeredLine:
    """A connection of one platform, and one call on it."""

    def __init__(self, house: House, name: str = "twilio") -> None:
        """Take a house with the adapters of all platforms."""
        self.house = house
        self.provider: SteeredProvider = STEERED[name]("https://platform.example")
        self.call: SimulatedCall = self.new_call()
        self.connection_id = ""
        #: Where each document leads, as it says.
        self.addresses: dict[Stage, str] = {}

    def new_call(self) -> SimulatedCall:
        """Return another call of this line."""
        now = datetime.now(UTC)
        return call_that_ended(now, ref=self.provider.new_call_ref(), direction="inbound")

    async def connect(self, next_url: str | None = NEXT) -> None:
        """Make or change the connection."""
        wish = ConnectionRequest(
            provider=self.provider.name, credentials=dict(self.provider.credentials), next_url=next_url
        )
        found, _, _ = await self.house.vault.accounts.connections.set(
            self.house.account.id, self.provider.name, wish, **ME
        )
        self.connection_id = found.id

    @property
    def webhook(self) -> str:
        """Return the connection's address."""
        public_url = self.house.vault.consent.call_documents.urls.public_url
        return f"{public_url}/webhooks/{self.provider.name}/{self.connection_id}"

    async def ask(self, stage: Stage, key: str | None = None, *, url: str | None = None) -> list[Any]:
        """Ask for a document at the address that the one before it said, and return its instructions."""
        url = url or self.addresses.get(stage) or f"{self.webhook}/{stage}"
        payload = {"next": "ncco"} if stage == "heard" else None
        asked = self.provider.asks(self.call, url, ASKING[stage], key=key, payload=payload)
        said: dict[str, Any] = dict(re.findall(r"[?&](notice|running|direction)=([^&]*)", url))
        delivery = Delivery(
            method="POST", url=url, headers={name.lower(): value for name, value in asked.headers.items()},
            body=asked.body, received_at=datetime.now(UTC),
        )  # fmt: skip
        document: Document = await self.house.vault.consent.call_documents.build(
            stage, self.provider.name, self.connection_id, delivery,
            running=said.get("running") == "1", handed=said.get("notice"), direction=said.get("direction"),
        )  # fmt: skip
        instructions = list(self.provider.read(document.body, self.call))
        for step in instructions:
            match step:
                case Wait(_, answer_url):
                    self.addresses["key"] = answer_url
                case Follow(follows) if follows != NEXT:
                    self.addresses["heard"] = follows
                case _:
                    pass
        return instructions


async def answered(line: SteeredLine) -> list[ConsentEvent]:
    """Return the consent events of the line's call."""
    call_opener = line.house.vault.consent.call_documents.call_start.call_opener
    return list((await call_opener.load_call(line.house.account.id, line.call.ref)).events)


def goes_on(instructions: Sequence[Instruction]) -> bool:
    """Say whether the call continues at the account's own application, and nothing else happens."""
    return [step.url for step in instructions if isinstance(step, Follow)] == [NEXT] and len(
        instructions
    ) == 1


async def connected(house: House, name: str) -> SteeredLine:
    """Return a line whose caller is asked for a key."""
    line = SteeredLine(with_platforms(house), name)
    await set_policy(house, mode="opt_out_key")
    await line.connect()
    return line


async def retire_all(line: SteeredLine) -> None:
    """Retire every notice."""
    vault, account_id = line.house.vault, line.house.account.id
    for notice in await vault.consent.notices.list(account_id):
        if notice.status == "published":
            await vault.consent.notices.retire(account_id, notice.id, **ME)
