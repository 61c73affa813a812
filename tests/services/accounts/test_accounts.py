"""What an account is called: changes of different fields concurrently."""

import asyncio

from tests.support.service_house import House


async def test_changes_of_different_fields_at_once_are_both_kept(house: House):
    """Twenty times two requests change name and locale, each naming its own field alone."""
    for number in range(20):
        await asyncio.gather(
            house.vault.accounts.accounts.open("acme", name=f"Acme {number}", locale=None, actor="key_1"),
            house.vault.accounts.accounts.open("acme", name=None, locale=f"en-{number}", actor="key_2"),
        )
        now = await house.vault.accounts.accounts.find("acme")
        assert (now.name, now.locale) == (f"Acme {number}", f"en-{number}")
