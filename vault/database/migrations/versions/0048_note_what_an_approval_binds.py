"""Note what an approval is about: a digest of the ids, beside their number.

What waits from before binds the number alone. A node of the release before asks again what was asked with a digest.
"""

import sqlalchemy as sa
from alembic import op

revision = '0048'
down_revision = '0047'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.add_column('approvals', sa.Column('effect_digest', sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column('approvals', 'effect_digest')
