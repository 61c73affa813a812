"""Leave the rows that are available out of the index of states, because nearly all rows of an archive are."""

import sqlalchemy as sa
from alembic import op

revision = '0040'
down_revision = '0039'
branch_labels = None
depends_on = None
#: The claims of a release before it do not repeat the condition, so they would read the whole table.
serves = '0040'


def upgrade() -> None:
    where = sa.text("state <> 'available'")
    op.create_index(
        'ix_recordings_not_available', 'recordings', ['state', 'account_id', 'not_before'],
        unique=False, sqlite_where=where, postgresql_where=where,
    )
    op.drop_index('ix_recordings_work', table_name='recordings')


def downgrade() -> None:
    op.create_index('ix_recordings_work', 'recordings', ['state', 'account_id', 'not_before'], unique=False)
    op.drop_index('ix_recordings_not_available', table_name='recordings')
