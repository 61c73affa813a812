"""Limit roles of people to the recordings of some agents."""

import sqlalchemy as sa
from alembic import op

revision = '0030'
down_revision = '0029'
branch_labels = None
depends_on = None
# An older node would give a limited role without its limit.
serves = '0030'


def upgrade() -> None:
    op.add_column('sign_in_roles', sa.Column('agents', sa.JSON(), nullable=True))
    op.add_column('console_sessions', sa.Column('limits', sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column('console_sessions', 'limits')
    op.drop_column('sign_in_roles', 'agents')
