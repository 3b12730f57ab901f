"""Whether an error is the database's own trouble, after which an act may succeed, or a fault of what was asked."""

from __future__ import annotations

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, TimeoutError


def is_database_trouble(error: BaseException) -> bool:
    """Return whether `error` says that the database did not answer, was busy, read-only or ended the transaction.

    Of the standard's classes (PEP 249) those are OperationalError, InternalError and InterfaceError; a connection that
    the pool did not give in time counts as well. What a statement itself got wrong does not.
    """
    own_fault = (DataError, IntegrityError, ProgrammingError)
    return isinstance(error, (DBAPIError, TimeoutError)) and not isinstance(error, own_fault)
