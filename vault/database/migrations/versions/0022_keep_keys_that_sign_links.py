"""Keep customers' keys that sign links, and cuts of links."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = '0022'
down_revision = '0020'
branch_labels = None
depends_on = None
# An older node writes account objects without keys and cuts, from which a restore would forget a cut.
serves = '0022'

#: Links of the release before have tokens that only the database can check. The longest lives for 24 hours.
_OPAQUE_FOR = timedelta(hours=25)


def upgrade() -> None:
    op.create_table(
        'link_keys',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('algorithm', sa.String(), nullable=False),
        sa.Column('public_key', sa.LargeBinary(), nullable=False),
        sa.Column('max_life', sa.Integer(), nullable=False),
        sa.Column('max_sessions', sa.Integer(), nullable=False),
        sa.Column('kinds', sa.JSON(), nullable=False),
        sa.Column('networks', sa.JSON(), nullable=False),
        sa.Column('download', sa.Boolean(), nullable=False),
        sa.Column('not_after', sa.BigInteger(), nullable=True),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('created_by', sa.String(), nullable=False),
        sa.Column('deleted_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_link_keys')),
    )
    active = sa.text('deleted_at IS NULL')
    op.create_index(
        'ix_link_keys_name', 'link_keys', ['account_id', 'name'], unique=True,
        sqlite_where=active, postgresql_where=active,
    )
    op.create_index('ix_link_keys_account', 'link_keys', ['account_id', 'id'], unique=False)
    op.create_table(
        'link_cuts',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('target', sa.String(), nullable=False),
        sa.Column('value', sa.String(), nullable=False),
        sa.Column('minted_before', sa.BigInteger(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('created_by', sa.String(), nullable=False),
        sa.Column('sealed_listener', sa.String(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_link_cuts')),
    )
    op.create_index('ix_link_cuts_account', 'link_cuts', ['account_id', 'minted_before'], unique=False)
    _take_opaque_links()


def _take_opaque_links() -> None:
    """Say until when the links of the release before are looked up. A new vault has none, and looks none up."""
    connection = op.get_bind()
    if connection.execute(sa.text('SELECT 1 FROM links LIMIT 1')).first() is None:
        return
    until = (datetime.now(UTC) + _OPAQUE_FOR).isoformat(timespec='seconds').replace('+00:00', 'Z').encode()
    connection.execute(
        sa.text('INSERT INTO vault_metadata (name, value) VALUES (:name, :value)'),
        {'name': 'opaque_links_until', 'value': until},
    )


def downgrade() -> None:
    op.execute("DELETE FROM vault_metadata WHERE name = 'opaque_links_until'")
    op.drop_index('ix_link_cuts_account', table_name='link_cuts')
    op.drop_table('link_cuts')
    op.drop_index('ix_link_keys_account', table_name='link_keys')
    op.drop_index('ix_link_keys_name', table_name='link_keys')
    op.drop_table('link_keys')
