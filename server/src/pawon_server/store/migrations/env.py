"""Alembic's entry point; the connection comes from ``database.migrate``."""

from alembic import context

from pawon_server.store.tables import journal

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=journal.metadata, transactional_ddl=True)
context.run_migrations()
