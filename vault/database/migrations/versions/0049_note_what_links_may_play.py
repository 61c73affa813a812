"""Note which links play a restricted recording, and how many refusals of each link are in the log.

A link of before has no such right, whatever its purpose says: nobody kept whether its creator might have given it. It
lives for a day at most. A node of the release before goes on: what it makes for legal claims plays nothing restricted.
"""

import sqlalchemy as sa
from alembic import op

revision = '0049'
down_revision = '0048'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.add_column('links', sa.Column('plays_restricted', sa.Boolean(), nullable=True))
    op.add_column('links', sa.Column('denials', sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column('links', 'denials')
    op.drop_column('links', 'plays_restricted')
