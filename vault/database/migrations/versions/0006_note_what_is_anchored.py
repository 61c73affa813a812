"""Note when a checkpoint was anchored in the object store; what no anchor carries is shown to nobody."""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Those from before stay without: the next one is anchored within seconds.
    op.add_column('checkpoints', sa.Column('anchored_at', sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column('checkpoints', 'anchored_at')
