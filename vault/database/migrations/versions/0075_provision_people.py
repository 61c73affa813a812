"""Let a company's directory tell who its people are, by SCIM, and find the keys that a person made.

A node of the release before lets in whom the directory does not name: it does not ask.
"""

import sqlalchemy as sa
from alembic import op

revision = '0075'
down_revision = '0074'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.create_table(
        'provisioning',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('connection_id', sa.String(), nullable=False),
        sa.Column('roles_from', sa.String(), nullable=False),
        sa.Column('revokes_links', sa.Boolean(), nullable=False),
        sa.Column('revision', sa.Integer(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_by', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('account_id'),
    )
    op.create_table(
        'provisioning_tokens',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('secret_hash', sa.LargeBinary(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('created_by', sa.String(), nullable=False),
        sa.Column('last_used_at', sa.BigInteger(), nullable=True),
        sa.Column('revoked_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('ix_provisioning_tokens_account', 'provisioning_tokens', ['account_id', 'created_at'])
    op.create_table(
        'provisioned_users',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('revision', sa.Integer(), nullable=False),
        sa.Column('name_hash', sa.LargeBinary(), nullable=True),
        sa.Column('external_hash', sa.LargeBinary(), nullable=True),
        sa.Column('identity', sa.String(), nullable=True),
        sa.Column('is_active', sa.Boolean(), nullable=False),
        sa.Column('sealed_resource', sa.Text(), nullable=True),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('ix_provisioned_users_identity', 'provisioned_users', ['account_id', 'identity'])
    op.create_table(
        'provisioned_groups',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('revision', sa.Integer(), nullable=False),
        sa.Column('name_hash', sa.LargeBinary(), nullable=False),
        sa.Column('external_hash', sa.LargeBinary(), nullable=True),
        sa.Column('sealed_resource', sa.Text(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('id'),
    )
    for table in ('users', 'groups'):
        for what in ('name', 'external'):
            columns = ['account_id', f'{what}_hash']
            op.create_index(f'ix_provisioned_{table}_{what}', f'provisioned_{table}', columns, unique=True)
    op.create_table(
        'provisioned_members',
        sa.Column('group_id', sa.String(), nullable=False),
        sa.Column('user_id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('group_id', 'user_id'),
    )
    op.create_index('ix_provisioned_members_user', 'provisioned_members', ['account_id', 'user_id'])
    op.create_index('ix_api_keys_created_by', 'api_keys', ['created_by'])


def downgrade() -> None:
    op.drop_index('ix_api_keys_created_by', 'api_keys')
    for table in ('members', 'groups', 'users'):
        op.drop_table(f'provisioned_{table}')
    op.drop_table('provisioning_tokens')
    op.drop_table('provisioning')
