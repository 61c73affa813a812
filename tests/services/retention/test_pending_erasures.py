"""What waits for its erasure, because a hold or a minimum keeps it."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.parties import ME, let_in, set_policy, tell
from tests.support.retention import place
from tests.support.service_house import House
from vault.errors import Refused


async def test_what_waits_for_its_erasure_stays_restricted(either: House):
    """A lift would let everybody hear a recording that its party asked to erase; other restrictions are lifted."""
    await set_policy(either, withdrawal="erase")
    recording_id, other = await let_in(either), await let_in(either, "rec-2", call_ref="call-2")
    await place(either, everything=True)
    await tell(either, "withdrawn")
    for one in (recording_id, other):
        await either.vault.recordings.recordings.restrict(
            either.account.id, one, restricted=True, reason=None, **ME
        )
    for told_at in (None, datetime.now(UTC) - timedelta(days=1)):
        with pytest.raises(Refused) as refused:
            await either.vault.recordings.recordings.restrict(
                either.account.id, recording_id, restricted=False, reason=None, told_at=told_at, **ME
            )
        assert refused.value.reasons == ("pending_erasure",)
    await either.vault.recordings.recordings.restrict(
        either.account.id, other, restricted=False, reason=None, **ME
    )
    assert [(await either.row(one)).restricted for one in (recording_id, other)] == [True, False]
