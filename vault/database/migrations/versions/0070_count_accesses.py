"""Count by the hour how many recordings each key and listener got, to tell what is unusual."""

import sqlalchemy as sa
from alembic import op

revision = '0070'
down_revision = '0069'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.create_table(
        'access_hours',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('subject', sa.String(), nullable=False),
        sa.Column('hour', sa.Integer(), nullable=False),
        sa.Column('recordings', sa.Integer(), nullable=False),
        sa.Column('told', sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint('account_id', 'subject', 'hour', name='pk_access_hours'),
    )
    op.create_index('ix_access_hours_hour', 'access_hours', ['hour'])


def downgrade() -> None:
    op.drop_table('access_hours')
