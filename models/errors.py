"""The one tree of errors of this floor. Each carries a stable code and what a person needs to act."""

from __future__ import annotations

import errno

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Numbers of the system's errors that tell a full disk, a quota or a limit of a file's size."""


class ModelsError(Exception):
    """Base of all errors of the mathematics floor.

    Attributes
    ----------
    code
        Stable name of what is wrong.
    parameters
        What a person needs to act on it.
    """

    code = "models-error"

    def __init__(self, code: str | None = None, **parameters: str | int | float) -> None:
        self.code = code or type(self).code
        self.parameters = parameters
        super().__init__(" ".join([self.code, *(f"{key}={value}" for key, value in parameters.items())]))


class PackageError(ModelsError):
    """A model package is missing, incomplete or does not follow its schema."""

    code = "package-invalid"


class PackageTampered(PackageError):
    """A model package's content does not have the hash that its card states."""

    code = "package-tampered"


class RecipeError(ModelsError):
    """A training recipe or run folder cannot be used."""

    code = "recipe-invalid"


class RunStopped(ModelsError):
    """A run was asked to stop by a signal, kept where it stood, and can go on from there.

    Attributes
    ----------
    signal
        Number of the signal.
    """

    code = "run-stopped"

    def __init__(self, signal: int, **parameters: str | int | float) -> None:
        self.signal = signal
        super().__init__(type(self).code, **parameters)


class InputError(ModelsError):
    """An array or grid that a model cannot take: wrong shape, spacing, orientation, or not finite."""

    code = "model-input-invalid"


class DeviceError(ModelsError):
    """A device cannot run a network: it is not there, or its memory is too short."""

    code = "device-unfit"


class PairsError(ModelsError):
    """A folder of image pairs, or one pair in it, cannot be used."""

    code = "pairs-invalid"


class Uncalibrated(ModelsError):
    """Too little was measured for a statement about uncertainty."""

    code = "uncalibrated"


class PlaceError(ModelsError):
    """A file cannot be written where a person wants it."""

    code = "out-unfit"


class StorageFull(ModelsError):
    """There is no room where a run is kept. It passes: what was kept stays whole, and the run goes on from it."""

    code = "storage-full"
