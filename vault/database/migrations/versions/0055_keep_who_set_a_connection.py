"""Keep who set a connection to a telephony platform last: whoever knows its secret can report by it as the platform.

What exists has nobody until it is set again. A node of the release before goes on, and writes nobody.
"""

import sqlalchemy as sa
from alembic import op

revision = '0055'
down_revision = '0054'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.add_column('connections', sa.Column('changed_by', sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column('connections', 'changed_by')
