"""The record of processing of an account: the typed part is set, the rest is read from live settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Account, Connection
from vault.domain.notices.notice import base_language
from vault.domain.registers.checks import check_profile
from vault.domain.registers.entries import Entry, ProcessingProfile, Recipient, SealedEntry
from vault.domain.registers.places import Place, Region
from vault.domain.registers.privacy_page import PageTexts, PrivacyPage, make_page
from vault.domain.registers.processing_record import (
    LiveSettings,
    ProcessingRecord,
    in_force,
    parts_outside,
    unnamed_parts,
)
from vault.domain.retention.policy import RetentionClass
from vault.errors import NotFound, Refused, Tampered
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.services.registers.sealed_entries import Change, SealedEntries

#: The language of the privacy page where the vault has no texts in the account's language.
_FALLBACK = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessingRecords:
    """Generate the record of processing, set its typed part, and show the privacy page for callers."""

    database: Database
    ring: KeyRing
    clock: Clock
    entries: SealedEntries[ProcessingProfile]
    recipients: SealedEntries[Recipient]
    #: Where this vault keeps data and keys.
    places: Sequence[Place]
    #: Where it must keep them.
    region: Region | None
    #: The texts of the privacy page by language.
    page_texts: Mapping[str, PageTexts]

    async def read(self, account: Account) -> ProcessingRecord:
        """Return the record as of now. Raises Tampered, Unavailable."""
        now = self.clock()
        profile, settings = await self._profile(account.id), await self._settings(account)
        recipients = in_force(await self.recipients.every(account.id), now.date())
        return ProcessingRecord(at=now, profile=profile, settings=settings, recipients=recipients)

    async def set(
        self, account_id: str, profile: ProcessingProfile, *, if_revision: int | None, actor: str
    ) -> Entry[ProcessingProfile]:
        """Set the typed part. Raises Invalid, Refused if it is no longer at ``if_revision``, 0 for not yet set."""
        check_profile(profile)
        change = Change(content=profile, event="processing_record.changed")
        current = await self._profile(account_id)
        if current is not None:
            return await self.entries.change(
                account_id, current.id, lambda _: change, if_revision=if_revision, actor=actor
            )
        if if_revision:
            raise Refused("The record was not set yet. Send no If-Match.", reasons=("changed",))
        return await self.entries.add(account_id, change, actor=actor)

    async def page(self, page_id: str, language: str | None) -> tuple[PrivacyPage, PageTexts]:
        """Return the public page and its texts, by default in the account's language.

        Raises NotFound for a page that does not exist or is not published, and for an unknown language.
        """
        row, account, kept, connections = await self.database.read(lambda tx: _page_row(tx, page_id))
        entry = await self.entries.open(row)
        recipients = in_force(await self.recipients.every(account.id), self.clock().date())
        shown = [each.content for each in recipients]
        unnamed = unnamed_parts(parts_outside(self.places, connections), shown)
        page = make_page(row.id, account.locale, entry.content, shown, kept or (), unnamed_parts=unnamed)
        texts = self.page_texts.get(language or base_language(account.locale))
        if texts is None and language is None:
            texts = self.page_texts[_FALLBACK]
        if page is None or texts is None:
            raise NotFound("There is no such page.")
        return page, texts

    async def _profile(self, account_id: str) -> Entry[ProcessingProfile] | None:
        found = await self.entries.page(account_id, limit=1)
        return found[0] if found else None

    async def _settings(self, account: Account) -> LiveSettings:
        def read(tx: Transaction) -> tuple[LiveSettings, int]:
            settings = LiveSettings(
                account=account.ref,
                name=account.name,
                switch=tx.accounts.switch(account.id),
                policy=tx.policies.current(account.id),
                connections=tx.connections.of_account(account.id),
                notices=tx.notices.of_account(account.id, "published"),
                places=self.places,
                region=self.region,
                customer_key=False,
                retention=_classes(tx, account.id),
            )
            return settings, tx.accounts.current_key_version(account.id)

        settings, version = await self.database.read(read)
        key = await self.ring.version(account.id, version)
        return replace(settings, customer_key=key.own_key is not None)


def _classes(tx: Transaction, account_id: str) -> Sequence[RetentionClass] | None:
    try:
        return tx.retention.policies(account_id, tx.now()).current.classes
    except Tampered:
        return None


def _page_row(
    tx: Transaction, page_id: str
) -> tuple[SealedEntry, Account, Sequence[RetentionClass] | None, Sequence[Connection]]:
    row = tx.registers.by_id(page_id)
    if row is None or row.register != "processing_record":
        raise NotFound("There is no such page.")
    account = cast("Account", tx.accounts.find(row.account_id))
    return row, account, _classes(tx, account.id), tx.connections.of_account(account.id)
