"""Keep with each notice the telephone keys that its text names, so that a change of the policy does not change them.

What exists gets those of the policy at its publication, drafts those of now. A node of the release before goes on: what
it writes has none, and means the keys of the policy of the moment, as before.
"""

import sqlalchemy as sa
from alembic import op

revision = '0054'
down_revision = '0053'
branch_labels = None
depends_on = None
serves = '0044'

_DEFAULT = {'accept': '1', 'decline': '9', 'object': None}


def upgrade() -> None:
    op.add_column('notices', sa.Column('keys', sa.JSON(none_as_null=True), nullable=True))
    connection = op.get_bind()
    notices = sa.table(
        'notices',
        sa.column('id'),
        sa.column('account_id'),
        sa.column('published_at', sa.BigInteger()),
        sa.column('keys', sa.JSON()),
    )
    policies = sa.table(
        'consent_policies',
        sa.column('account_id'),
        sa.column('version'),
        sa.column('policy', sa.JSON()),
        sa.column('changed_at', sa.BigInteger()),
    )
    for notice in connection.execute(
        sa.select(notices.c.id, notices.c.account_id, notices.c.published_at)
    ).fetchall():
        then = policies.c.account_id == notice.account_id
        if notice.published_at is not None:
            then &= policies.c.changed_at <= notice.published_at
        newest = sa.select(policies.c.policy).where(then).order_by(policies.c.version.desc()).limit(1)
        policy = connection.execute(newest).scalar()
        keys = _DEFAULT if policy is None else policy['keys']
        connection.execute(notices.update().where(notices.c.id == notice.id).values(keys=keys))


def downgrade() -> None:
    op.drop_column('notices', 'keys')
