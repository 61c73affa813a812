"""Note how a recording arrived, and the trace of its webhook."""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None
serves = '0010'


def upgrade() -> None:
    op.add_column('recordings', sa.Column('origin', sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column('recordings', 'origin')
