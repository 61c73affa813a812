"""The recording switch and its history. A restore merges them itself, because off wins over every object."""

from typing import Any

from vault.database.account_parts.part import AccountPart, ListPart, Source, Target, of_row
from vault.database.schema.core import switch_changes
from vault.domain.accounts.account import Switch, SwitchChange
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields


class _Switch(AccountPart[Switch]):
    def read(self, source: Source) -> Switch:
        return of_row(Switch, source.account)

    def encode(self, value: Switch) -> dict[str, Any]:
        return {self.name: encode_fields(value)}

    def decode(self, fields: Fields, account_id: str) -> Switch:  # noqa: ARG002 - the text does not name the account
        return decode_fields(Switch, fields.inner(self.name))

    def replace(self, value: Switch, target: Target) -> list[str]:  # noqa: ARG002 - see below
        """Change nothing: ``RestoreAccounts`` sets the switch by its history, the log and the journal."""
        return []

    def add_lost(self, value: Switch, target: Target) -> list[str]:  # noqa: ARG002 - as above
        """Change nothing, as above."""
        return []


class _SwitchHistory(ListPart[SwitchChange]):
    def read(self, source: Source) -> tuple[SwitchChange, ...]:
        return source.all_of(SwitchChange, switch_changes)

    def encode_one(self, item: SwitchChange) -> dict[str, Any]:
        return encode_fields(item)

    def decode_one(self, fields: Fields, account_id: str) -> SwitchChange:  # noqa: ARG002 - see above
        return decode_fields(SwitchChange, fields)

    def replace(self, value: tuple[SwitchChange, ...], target: Target) -> list[str]:  # noqa: ARG002 - see above
        """Change nothing, as above: the histories of all objects are merged."""
        return []

    def add_lost(self, value: tuple[SwitchChange, ...], target: Target) -> list[str]:  # noqa: ARG002 - see above
        """Change nothing, as above."""
        return []


SWITCH = _Switch(name="switch", words="the switch")
#: Oldest first.
SWITCH_HISTORY = _SwitchHistory(name="history", words="the switch's history", is_in_all=True)
