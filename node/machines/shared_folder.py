"""The proof that a machine sees the node's shared folder, and not an empty mount point or a copy of it."""

from __future__ import annotations

import uuid
from pathlib import Path

from sqlalchemy import inspect

from node.database import Database
from node.errors import Permanent, Transient
from node.machines.mark import Mark, find_mark, read_mark, write_mark
from node.machines.tables import NodeRow


class SharedFolder:
    """The folder of archive, journals and results, which all machines of a node see: its mark agrees with the database.

    Parameters
    ----------
    folder
        Where it is mounted on this machine.
    database
        The node's.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder
        self._database = database

    def check_node(self) -> None:
        """Check that the folder is this node's; while the database names none, it may be anybody's.

        Raises
        ------
        Transient
            ``shared-folder-missing``: it is not here; most likely it is not mounted.
        Permanent
            ``shared-folder-foreign``: the folder of another node.
        """
        row = self._row()
        if row is not None:
            self._check(row, read_mark(self._folder))

    def check_current(self, version: str) -> None:
        """Check that the folder is the very one that the node works on, no copy of it, with this release.

        Raises
        ------
        Transient
            ``shared-folder-missing``; ``node-not-started``: nothing says which folder that is.
        Permanent
            ``machine-version``, ``shared-folder-foreign``, ``shared-folder-copy``.
        """
        row = self._row()
        if row is None:
            raise Transient("node-not-started", database=self._database.name)
        if row.version != version:
            raise Permanent("machine-version", found=version, expected=row.version)
        mark = read_mark(self._folder)
        self._check(row, mark)
        if mark.start != row.start:
            raise Permanent("shared-folder-copy", folder=str(self._folder))

    def claim(self, version: str) -> None:
        """Note a start of the node in folder and database; a database that names no node takes the folder's.

        A kill in between leaves another start in the folder than in the database, until the node is started anew.

        Raises
        ------
        Permanent
            ``shared-folder-foreign``.
        Transient
            ``shared-folder-missing``, ``archive-not-writable``.
        """
        row = self._row()
        if row is None:
            found = find_mark(self._folder)
            node = uuid.uuid4().hex if found is None else found.node
        else:
            self._check(row, read_mark(self._folder))
            node = row.node
        mark = Mark(node, uuid.uuid4().hex)
        write_mark(self._folder, mark)
        with self._database.write() as session:
            session.merge(NodeRow(id=1, node=mark.node, start=mark.start, version=version))

    def _row(self) -> NodeRow | None:
        if not self._database.exists or not inspect(self._database.engine).has_table(NodeRow.__tablename__):
            return None
        with self._database.read() as session:
            return session.get(NodeRow, 1)

    def _check(self, row: NodeRow, mark: Mark) -> None:
        if mark.node != row.node:
            raise Permanent("shared-folder-foreign", folder=str(self._folder), database=self._database.name)
