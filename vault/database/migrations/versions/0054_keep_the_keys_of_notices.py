"""Keep with each notice the telephone keys that its text names, so that a change of the policy does not change them.

What exists has none: nobody knows for which keys its text was written, so every key that has refused since then does.
A node of the release before goes on.
"""

import sqlalchemy as sa
from alembic import op

revision = '0054'
down_revision = '0053'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.add_column('notices', sa.Column('keys', sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.drop_column('notices', 'keys')
