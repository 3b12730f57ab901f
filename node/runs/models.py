"""The installed model of a name, with the node's reasons for what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable

from models.errors import PackageError
from models.packages import ModelPackage
from node.errors import Permanent, Transient


def installed_model(package: Callable[[str], ModelPackage], name: str) -> ModelPackage:
    """Return the installed package of that name as `package` reads it.

    Raises
    ------
    Permanent
        ``model-missing`` or ``model-unusable``.
    Transient
        ``model-folder-missing``: the folder of packages is not there now.
    """
    try:
        return package(name)
    except PackageError as why:
        if why.code == "package-unknown":
            raise Permanent("model-missing", model=name) from why
        if why.code == "packages-folder-missing":  # a share that is away for a while
            raise Transient("model-folder-missing", found=str(why)) from why
        raise Permanent("model-unusable", found=str(why)) from why
