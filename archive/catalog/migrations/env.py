# SPDX-License-Identifier: Apache-2.0
"""Runs migrations on the connection that `Database.migrate` hands over, in its transaction."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=True)
context.run_migrations()
