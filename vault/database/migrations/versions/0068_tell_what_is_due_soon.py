"""Note which recordings were told to be due soon, so that each is told once for its date.

A node of the release before moves a date and leaves the note: then it is not told again.
"""

import sqlalchemy as sa
from alembic import op

revision = '0068'
down_revision = '0067'
branch_labels = None
depends_on = None
serves = '0044'

_UNTOLD = sa.text('act_at IS NOT NULL AND coalesce(due_told, 0) = 0')


def upgrade() -> None:
    op.add_column('recordings', sa.Column('due_told', sa.BigInteger(), nullable=True))
    op.create_index(
        'ix_recordings_untold',
        'recordings',
        ['account_id', 'due_told', 'act_at', 'id'],
        sqlite_where=_UNTOLD,
        postgresql_where=_UNTOLD,
    )


def downgrade() -> None:
    op.drop_index('ix_recordings_untold', 'recordings')
    op.drop_column('recordings', 'due_told')
