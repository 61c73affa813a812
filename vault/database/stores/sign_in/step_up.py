"""Whether weighty acts of an account's people need a fresh verification."""

from vault.database.account_parts.part import account_changed
from vault.database.account_parts.step_up import put_step_up, require_step_up, step_up_of
from vault.database.stores.rows import Rows
from vault.domain.sign_in.step_up import StepUp


class StepUpRows(Rows):
    """What accounts have set, in one transaction."""

    def get(self, account_id: str) -> StepUp:
        """Return what an account has set, which is off if it was never set."""
        return step_up_of(self._db, account_id) or StepUp()

    def set(self, account_id: str, value: StepUp) -> None:
        """Replace it; the account's object becomes due."""
        put_step_up(self._db, account_id, value)
        account_changed(self._db, account_id)

    def require(self, account_id: str, value: StepUp) -> None:
        """Let the account require a verification if this does."""
        if require_step_up(self._db, account_id, value):
            account_changed(self._db, account_id)
