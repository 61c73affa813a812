"""Note when a decided request is tried again, so that one that waits blocks no other."""

import sqlalchemy as sa
from alembic import op

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None
#: A release before it tries the same requests every second, and stores what this one reads.
serves = '0017'


def upgrade() -> None:
    op.add_column('person_requests', sa.Column('next_try_at', sa.BigInteger()))
    op.add_column('person_requests', sa.Column('tries', sa.Integer()))


def downgrade() -> None:
    op.drop_column('person_requests', 'tries')
    op.drop_column('person_requests', 'next_try_at')
