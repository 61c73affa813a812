"""Events by which people lose access: each is repeated in a database that lacks it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

#: The types by which people lose access. Their effect is in ``services/shared/end_access.py``.
LostAccessType = Literal[
    "sign_in.deleted",
    "role.revoked",
    "member.removed",
    "console.ended",
    "invitation.ended",
    "passkey.removed",
    "provisioning_token.revoked",
    "provisioned_user.deactivated",
]
LOSES_ACCESS: Final[tuple[LostAccessType, ...]] = get_args(LostAccessType)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostAccess:
    """What an event says by which people lost access."""

    kind: LostAccessType
    #: None for operators.
    account_id: str | None
    at: datetime
    session_id: str | None
    result: str | None
    #: The human whom a removal means; None in events of earlier releases.
    identity: str | None

    @property
    def id(self) -> str:
        """Return the connection, mapping, person, session, invitation, passkey, token or user that ended."""
        return (self.session_id if self.kind == "console.ended" else self.result) or ""
