"""Keep where an account is told of changes of its requests, and what is still to be told."""

import sqlalchemy as sa
from alembic import op

revision = '0026'
down_revision = '0025'
branch_labels = None
depends_on = None
#: A release before it tells nobody of a change, and reads none of it.
serves = '0025'


def upgrade() -> None:
    op.create_table(
        'request_callbacks',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('sealed', sa.Text(), nullable=False),
        sa.Column('set_at', sa.BigInteger(), nullable=False),
        sa.Column('set_by', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('account_id'),
    )
    op.create_table(
        'request_deliveries',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('type', sa.String(), nullable=False),
        sa.Column('request_id', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('next_try_at', sa.BigInteger(), nullable=False),
        sa.Column('tries', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('ix_request_deliveries_next_try', 'request_deliveries', ['next_try_at', 'id'])
    op.create_index('ix_request_deliveries_account', 'request_deliveries', ['account_id'])


def downgrade() -> None:
    op.drop_table('request_deliveries')
    op.drop_table('request_callbacks')
