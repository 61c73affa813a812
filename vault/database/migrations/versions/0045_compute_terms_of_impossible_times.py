"""Compute the retention again of recordings whose call was reported with a time that is none, such as year 1.

Earlier releases counted from it, so that a minimum was over on the first day. Until it is computed, nothing of them is
erased by time.
"""

from alembic import op

revision = '0045'
down_revision = '0044'
branch_labels = None
depends_on = None
serves = '0044'

#: The years 2000 to 2100, in microseconds since 1970.
_FIRST, _BEYOND = 946_684_800_000_000, 4_133_980_800_000_000


def upgrade() -> None:
    outside = ' OR '.join(
        f'{column} < {_FIRST} OR {column} >= {_BEYOND}' for column in ('call_started_at', 'call_ended_at')
    )
    op.execute(
        'UPDATE recordings SET policy_version = '
        f'CASE WHEN policy_version > 0 THEN -1 ELSE policy_version - 1 END WHERE {outside}'
    )


def downgrade() -> None:
    pass
