"""Which packages can be fine-tuned: those of the one kind of network that is taught by pairs of MR and CT."""

from __future__ import annotations

from models.errors import RecipeError
from models.packages import ModelPackage, ResidualUNetNetwork
from models.reports.cases import check_supported


def check_trainable(package: ModelPackage) -> None:
    """Refuse a package that cannot be trained on, or not by pairs of MR and CT.

    Raises
    ------
    RecipeError
        ``package-not-trainable``.
    InputError
        ``evaluation-unsupported``: more than one MR, or an output other than CT.
    """
    anchored_network(package)
    check_supported(package.card)


def anchored_network(package: ModelPackage) -> ResidualUNetNetwork:
    """Return what the card says of a network that answers with a distribution over CT numbers.

    Raises
    ------
    RecipeError
        ``package-not-trainable`` when the package holds a network of another kind.
    """
    network = package.card.network
    if not isinstance(network, ResidualUNetNetwork):
        why = "whose layers can be trained" if network.trainable else "without the layers to train"
        raise RecipeError(
            "package-not-trainable",
            package=package.card.name,
            found=f"a network of kind {network.kind}, {why}",
            accepted="residual-unet with safetensors weights",
            remedy="fine-tune it where it came from, and import the result",
        )
    return network
