"""Note the console session of each link by which somebody listens at the console, so that its audio ends with it."""

import sqlalchemy as sa
from alembic import op

revision = '0038'
down_revision = '0037'
branch_labels = None
depends_on = None
serves = '0037'


def upgrade() -> None:
    op.add_column('links', sa.Column('console_session_id', sa.String(), nullable=True))
    where = sa.text('console_session_id IS NOT NULL')
    op.create_index(
        'ix_links_console_session', 'links', ['console_session_id'],
        unique=False, sqlite_where=where, postgresql_where=where,
    )


def downgrade() -> None:
    op.drop_index('ix_links_console_session', table_name='links')
    op.drop_column('links', 'console_session_id')
