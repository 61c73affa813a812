"""Scenes of what comes in: webhooks, uploads, call starts."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from fastapi import FastAPI
from sqlalchemy import func, select

from bench import variants
from bench.scene import Scene, app_of
from bench.stage import ACCOUNT, connect, decide_on_consent, ingest_key, put_recording
from vault.database.schema.calls import call_facts
from vault.domain.calls.call import CallFacts
from vault.services.service import Vault
from vault.settings import Settings
from vault.worker.tasks import work


@asynccontextmanager
async def webhook(settings: Settings, vault: Vault, config: Mapping[str, Any]) -> AsyncIterator[Scene]:
    """Serve the webhook's route: committed in groups, one by one, and not at all."""
    url = await connect(vault, config["provider"], config["credentials"])
    database: Any = vault.database
    # Below the journal of closing acts, where announcements pass through unchanged.
    alone = variants.OneCommitEach(database.inner)

    def announcing_to(behind: variants.Behind) -> FastAPI:
        webhooks = vault.ingest.webhooks
        webhooks = replace(webhooks, announce=replace(webhooks.announce, database=behind))
        return app_of(settings, replace(vault, ingest=replace(vault.ingest, webhooks=webhooks)))

    apps = {
        "committed": app_of(settings, vault),
        "not committed": announcing_to(variants.NotCommitted(database)),
        "one commit each": announcing_to(alone),
    }
    try:
        yield Scene(apps=apps, facts={"url": url}, tell=lambda _: _rows(vault))
    finally:
        alone.close()


@asynccontextmanager
async def queued(settings: Settings, vault: Vault, config: Mapping[str, Any]) -> AsyncIterator[Scene]:
    """Serve the webhook's route as it is; the worker begins in the same process when it is told to."""
    url = await connect(vault, config["provider"], config["credentials"])
    working: list[asyncio.Task[None]] = []

    async def tell(question: Mapping[str, Any]) -> int:
        if question.get("do") == "work":
            working.append(asyncio.create_task(work(vault, workers=settings.workers)))
            return settings.workers
        return await _rows(vault)

    try:
        yield Scene(apps={"served": app_of(settings, vault)}, facts={"url": url}, tell=tell)
    finally:
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)


@asynccontextmanager
async def upload(settings: Settings, vault: Vault, config: Mapping[str, Any]) -> AsyncIterator[Scene]:
    """Serve the upload's route: sealed, hashed, discarded; and, to disk, sealed and plain."""
    bearer = await ingest_key(vault)
    known = await put_recording(vault, "known", config["known"])
    attempt = vault.ingest.uploads.attempt
    to_nowhere = replace(vault.ingest.uploads, attempt=replace(attempt, objects=variants.NullStore()))
    services: dict[str, Any] = {
        "sealed to nowhere": to_nowhere,
        "discarded": variants.DiscardBody(recording=known),
        "hashed": variants.HashBody(recording=known, threads=attempt.threads),
        "sealed to disk": vault.ingest.uploads,
        "plain to disk": variants.KeepBody(recording=known, objects=attempt.objects),
    }
    apps = {
        name: app_of(settings, replace(vault, ingest=replace(vault.ingest, uploads=service)))
        for name, service in services.items()
    }
    yield Scene(apps=apps, facts={"bearer": bearer})


@asynccontextmanager
async def calls(settings: Settings, vault: Vault, config: Mapping[str, Any]) -> AsyncIterator[Scene]:
    """Serve call start: decided, and with an answer that is always the same."""
    bearer, notice = await ingest_key(vault), await decide_on_consent(vault, config["objections"])
    account = await vault.accounts.accounts.find(ACCOUNT)
    facts = CallFacts(call_ref="constant", direction="inbound", caller="+14155550187", callee="+14155550123")
    calls = vault.recordings.calls
    at_once: Any = variants.AnswerAtOnce(answer=await calls.start(account.id, facts), metadata=calls.metadata)
    apps = {
        "decided": app_of(settings, vault),
        "constant answer": app_of(
            settings, replace(vault, recordings=replace(vault.recordings, calls=at_once))
        ),
    }

    async def kept(_question: Mapping[str, Any]) -> int:
        # All but the one that gave the constant answer.
        return await vault.database.read(_count_calls) - 1

    yield Scene(apps=apps, facts={"bearer": bearer, "notice": notice}, tell=kept)


async def _rows(vault: Vault) -> int:
    """Return how many recordings were announced and are not done with."""
    counts = await vault.database.read(lambda tx: tx.queue.counts())
    return sum(count for count, _ in counts.values())


def _count_calls(tx: Any) -> int:
    count: int = tx.connection.execute(select(func.count()).select_from(call_facts)).scalar_one()
    return count
