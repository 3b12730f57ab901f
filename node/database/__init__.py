"""The database: connections with their one set of PRAGMAs, the tables' base, migrations."""

from node.database.base import Base, Utc
from node.database.connection import Database
from node.database.migrate import check_revision, is_migrated, migrate
from node.database.state_change import change_state
from node.database.trouble import is_database_trouble

__all__ = ["Base", "Database", "Utc", "change_state", "check_revision", "is_database_trouble", "is_migrated", "migrate"]
