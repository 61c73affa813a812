"""List the calls that ended, the newest first: to find those whose recording never came."""

import sqlalchemy as sa
from alembic import op

revision = '0027'
down_revision = '0026'
branch_labels = None
depends_on = None
#: A release before it does not read the index.
serves = '0026'


def upgrade() -> None:
    where = sa.text('ended_at IS NOT NULL')
    op.create_index(
        'ix_call_facts_ended', 'call_facts', ['account_id', 'ended_at', 'call_ref'],
        unique=False, sqlite_where=where, postgresql_where=where,
    )


def downgrade() -> None:
    op.drop_index('ix_call_facts_ended', table_name='call_facts')
