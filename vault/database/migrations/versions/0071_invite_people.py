"""Invite people who sign in by passkeys: what is known of them, their passkeys, and the addresses of invitations.

A node of the release before shows them in the list of members, and signs none of them in.
"""

import sqlalchemy as sa
from alembic import op

revision = '0071'
down_revision = '0070'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.add_column('people', sa.Column('user_handle', sa.LargeBinary(), nullable=True))
    op.add_column('people', sa.Column('sealed_terms', sa.Text(), nullable=True))
    op.add_column('people', sa.Column('invited_at', sa.BigInteger(), nullable=True))
    op.add_column('people', sa.Column('revision', sa.Integer(), nullable=True))
    op.add_column('people', sa.Column('makers', sa.JSON(), nullable=True))
    op.add_column('console_sessions', sa.Column('verified_at', sa.BigInteger(), nullable=True))
    op.create_table(
        'passkeys',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('person_id', sa.String(), nullable=False),
        sa.Column('credential_hash', sa.LargeBinary(), nullable=False),
        sa.Column('credential_id', sa.LargeBinary(), nullable=False),
        sa.Column('public_key', sa.LargeBinary(), nullable=False),
        sa.Column('sign_count', sa.BigInteger(), nullable=False),
        sa.Column('is_backed_up', sa.Boolean(), nullable=False),
        sa.Column('sealed_name', sa.Text(), nullable=True),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('last_used_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('credential_hash'),
    )
    op.create_index('ix_passkeys_person', 'passkeys', ['account_id', 'person_id'])
    op.create_table(
        'member_invitations',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('person_id', sa.String(), nullable=False),
        sa.Column('secret_hash', sa.LargeBinary(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('created_by', sa.String(), nullable=False),
        sa.Column('starts_at', sa.BigInteger(), nullable=False),
        sa.Column('ends_at', sa.BigInteger(), nullable=False),
        sa.Column('ended_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('secret_hash'),
    )
    op.create_index('ix_member_invitations_person', 'member_invitations', ['account_id', 'person_id'])


def downgrade() -> None:
    op.drop_table('member_invitations')
    op.drop_table('passkeys')
    op.drop_column('console_sessions', 'verified_at')
    op.drop_column('people', 'makers')
    op.drop_column('people', 'revision')
    op.drop_column('people', 'invited_at')
    op.drop_column('people', 'sealed_terms')
    op.drop_column('people', 'user_handle')
