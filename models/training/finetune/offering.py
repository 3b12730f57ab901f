"""Whether what came of a fine-tuning is offered as a package, and in which words."""

from __future__ import annotations

from models.training.finetune.gain import Gain, GainVerdict

NOT_SHOWN = (
    "Show that it is better than the package that it came from before it takes that one's place: on the pairs that it "
    "was made from, no improvement was shown."
)
"""What a site must do first with a package of which no gain was shown."""


def withheld(gain: Gain, steps: int, parent: str) -> str | None:
    """Return why no package is written, with the remedy; None where one is.

    A network that errs more than calling the whole body water knows nothing of use, whatever it gained; one that is
    shown to be worse than what it came from is of use to nobody, and one that was trained for no step is what it came
    from. Where no difference is shown a package is written: an interval that holds 0 is the rule with
    few patients and proves no harm; but its card, its first duty and `remark` say so.

    Parameters
    ----------
    steps
        That the folds chose; 0 where most found nothing better than the package as it came.
    parent
        Name of the package that was begun from.
    """
    if gain.worse_than_water:
        return (
            "No package was written: on patients whom it had not seen, the fine-tuned network is worse than calling "
            f"the whole body water. Begin from a package that knows this anatomy, or train for longer than {steps} "
            "steps and on more patients; compare before, after and all-water in report.json."
        )
    if gain.verdict is GainVerdict.WORSE:
        return (
            f"No package was written: on patients whom it had not seen, the fine-tuned network is worse than {parent} "
            f"as it came. Keep {parent}; look at the registration of the worst pairs in report.json, then try again "
            "with more patients."
        )
    if steps == 0:
        return (
            f"No package was written: in most folds, validation found nothing better than {parent} as it came. Keep "
            f"{parent}; to try again, give more patients, or longer training where it was cut short."
        )
    return None


def remark(gain: Gain, parent: str) -> str | None:
    """Return what is to be said of a package that is written although no gain was shown; None where one was."""
    if gain.verdict is GainVerdict.BETTER:
        return None
    return (
        f"The package was written, but is not shown to be better than {parent}: keep {parent} in use until more "
        "patients show it."
    )
