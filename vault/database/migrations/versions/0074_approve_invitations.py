"""Note who may see the address of an invitation that a second person approved.

A node of the release before shows such an address to nobody, and asks for no approval of one.
"""

import sqlalchemy as sa
from alembic import op

revision = '0074'
down_revision = '0073'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.add_column('member_invitations', sa.Column('waits_for', sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column('member_invitations', 'waits_for')
