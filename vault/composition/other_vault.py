"""Opens another vault in this process, to move an account there."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from vault.domain.start_mode import StartMode
from vault.errors import Invalid, StartRefused, Unavailable
from vault.services.moves.account_moves import OpenOther
from vault.services.moves.move_end import MoveEnd
from vault.services.service import Vault
from vault.settings import read_settings


def opener(assemble: Callable[..., AbstractAsyncContextManager[Vault]]) -> OpenOther:
    """Return what opens the vault with given settings by ``assemble``.

    That raises Invalid, with the sentence of a refused start, and Unavailable.
    """

    @asynccontextmanager
    async def open_other(settings: Mapping[str, str]) -> AsyncIterator[MoveEnd]:
        async with AsyncExitStack() as stack:
            try:
                opening = assemble(read_settings(settings), mode=StartMode.WRITE, describing=False)
                vault = await stack.enter_async_context(opening)
            except StartRefused as error:
                raise Invalid(f"The other vault cannot be used: {error}", field="to") from error
            if await vault.node.recovery.check():
                raise Unavailable("The other vault is in recovery mode. Run `callvault restore` there first.")
            yield vault.moves.here

    return open_other
