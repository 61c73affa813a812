"""Keep everybody who has set a connection, so that a colleague's later change does not hide its first owner.

What exists has the one who set it last. A node of the release before goes on: it writes only that one, who counts too.
"""

import sqlalchemy as sa
from alembic import op

revision = '0056'
down_revision = '0055'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    for table in ('connections', 'sign_in_connections'):
        op.add_column(table, sa.Column('makers', sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    for table in ('connections', 'sign_in_connections'):
        op.drop_column(table, 'makers')
