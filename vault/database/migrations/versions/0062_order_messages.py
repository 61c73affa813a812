"""Keep which endpoints get their events in order, and the number of each message in its account.

A node of the release before sends what it claims in any order, also where order was asked for.
"""

import sqlalchemy as sa
from alembic import op

revision = '0062'
down_revision = '0061'
branch_labels = None
depends_on = None
serves = '0044'

_ORDER = sa.text('lease_until IS NULL AND sequence IS NOT NULL')


def upgrade() -> None:
    op.add_column('outbox_messages', sa.Column('sequence', sa.BigInteger(), nullable=True))
    op.create_index(
        'ix_outbox_messages_order',
        'outbox_messages',
        ['destination', 'sequence'],
        sqlite_where=_ORDER,
        postgresql_where=_ORDER,
    )
    op.add_column('outbox_destinations', sa.Column('is_ordered', sa.Boolean(), nullable=True))
    op.add_column('event_endpoints', sa.Column('ordered', sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column('event_endpoints', 'ordered')
    op.drop_column('outbox_destinations', 'is_ordered')
    op.drop_index('ix_outbox_messages_order', 'outbox_messages')
    op.drop_column('outbox_messages', 'sequence')
