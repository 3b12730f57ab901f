"""The one tree of errors of this floor. Each carries a stable code and what a person needs to act."""

from __future__ import annotations


class ModelsError(Exception):
    """Base of all errors of the mathematics floor."""

    code = "models-error"


class PackageError(ModelsError):
    """A model package is missing, incomplete or does not follow its schema."""

    code = "package-invalid"


class PackageTampered(PackageError):
    """A model package's content does not have the hash that its card states."""

    code = "package-tampered"


class InputError(ModelsError):
    """An array or grid that a model cannot take: wrong shape, spacing, orientation, or not finite."""

    code = "model-input-invalid"
