"""Note which accounts ask for events. A node of the release before numbers events of accounts with an endpoint alone."""

import sqlalchemy as sa
from alembic import op

revision = '0064'
down_revision = '0063'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.create_table(
        'event_polls',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('from_index', sa.BigInteger(), nullable=False),
        sa.Column('polled_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('account_id'),
    )


def downgrade() -> None:
    op.drop_table('event_polls')
