"""The record of processing and the page for callers say the periods of the retention policy in force."""

from datetime import timedelta

from tests.support.retention import age_policies
from tests.support.rotation import ME
from tests.support.service_house import House
from vault.domain.registers.entries import Contact, ProcessingProfile, Purpose
from vault.domain.retention.period import parse_period
from vault.domain.retention.policy import Match, RetentionClass, RetentionPolicy

PROFILE = ProcessingProfile(
    controller=Contact(name="Acme", address="Paris", contact="dpo@acme.example"),
    purposes=(Purpose(purpose="quality", legal_basis="legitimate_interests"),),
    requests_to="dpo@acme.example",
    published=True,
)
POLICY = RetentionPolicy(
    classes=(
        RetentionClass(name="quality", purpose="Training", period=parse_period("P6M")),
        RetentionClass(
            name="orders",
            purpose="Orders",
            period=None,
            minimum=parse_period("P5Y"),
            minimum_ground="legal_obligation",
            statute="MiFID II art. 16(7)",
            match=Match(agent="Robin"),
        ),
    )
)


async def test_the_periods_are_those_of_the_policy_in_force(either: House):
    """While it waits, nothing is erased by time, and nothing else is said."""
    vault, account = either.vault, either.account
    entry = await vault.registers.processing_records.set(account.id, PROFILE, if_revision=None, **ME)
    preview = await vault.retention.preview(account.id, POLICY)
    await vault.retention.policy.set(account.id, POLICY, if_version=None, digest=preview.digest, **ME)
    assert (await vault.registers.processing_records.read(account)).period == "kept_until_erased"
    page, texts = await vault.registers.processing_records.page(entry.id, "fr")
    assert (page.kept, page.kept_at_least) == ((), ())
    await age_policies(either, timedelta(days=60))
    record = await vault.registers.processing_records.read(account)
    assert record.period == "by_class"
    assert [kept.name for kept in record.settings.retention or ()] == ["quality", "orders"]
    page, texts = await vault.registers.processing_records.page(entry.id, "fr")
    assert [texts.spell(one) for one in page.kept] == ["6 mois"]
    assert [texts.spell(one) for one in page.kept_at_least] == ["5 ans"]
    assert texts.spell(parse_period("P1Y1M10D")) == "1 an 1 mois 10 jours"
