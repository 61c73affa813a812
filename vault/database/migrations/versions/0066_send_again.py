"""Keep the beginning of each answer, and let events be sent again: find them by id, and number their attempts on.

A node of the release before keeps no answers, and notes no attempt of an event that is sent again.
"""

import sqlalchemy as sa
from alembic import op

revision = '0066'
down_revision = '0065'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.add_column('outbox_attempts', sa.Column('answer', sa.Text(), nullable=True))
    op.create_index('ix_outbox_attempts_destination', 'outbox_attempts', ['destination', 'at', 'id', 'number'])
    op.add_column('outbox_messages', sa.Column('attempts_before', sa.Integer(), nullable=True))
    op.create_index('ix_outward_events_id', 'outward_events', ['account_id', 'id'])


def downgrade() -> None:
    op.drop_index('ix_outward_events_id', 'outward_events')
    op.drop_column('outbox_messages', 'attempts_before')
    op.drop_index('ix_outbox_attempts_destination', 'outbox_attempts')
    op.drop_column('outbox_attempts', 'answer')
