"""Index the hand-overs on which a person decides: the bell of each page counts them."""

import sqlalchemy as sa
from alembic import op

revision = '0082'
down_revision = '0081'
branch_labels = None
depends_on = None
serves = '0044'

_HELD = sa.text("state = 'held' AND desired <> 'absent'")


def upgrade() -> None:
    op.create_index(
        'ix_handovers_held', 'handovers', ['account_id'], sqlite_where=_HELD, postgresql_where=_HELD
    )


def downgrade() -> None:
    op.drop_index('ix_handovers_held', 'handovers')
