"""Note in recordings when their call was, where only the facts of the call say so: those of uploads do.

Holds, requests of people and retention look at the recording. Its manifest is written again.
"""

from alembic import op

revision = '0041'
down_revision = '0040'
branch_labels = None
depends_on = None
serves = '0040'

_OF_CALL = (
    'FROM call_facts f WHERE f.account_id = recordings.account_id AND f.call_ref = recordings.call_ref'
    ' AND f.{time} IS NOT NULL'
)


def upgrade() -> None:
    for column, time, first in (
        ('call_started_at', 'started_at', 'min'), ('call_ended_at', 'ended_at', 'max')
    ):
        of_call = _OF_CALL.format(time=time)
        op.execute(
            f'UPDATE recordings SET {column} = (SELECT {first}(f.{time}) {of_call}), '
            "manifest_due = (manifest_due OR state = 'available'), "
            'policy_version = CASE WHEN policy_version > 0 THEN -1 ELSE policy_version - 1 END '
            f'WHERE {column} IS NULL AND EXISTS (SELECT 1 {of_call})'
        )


def downgrade() -> None:
    pass
