"""Access: which person may do what. Services ask it before they act; command line and pages never decide it."""

from node.access.check import check
from node.access.permissions import PERMISSIONS, Permission, permissions_of

__all__ = ["PERMISSIONS", "Permission", "check", "permissions_of"]
