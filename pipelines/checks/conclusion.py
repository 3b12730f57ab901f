"""What a check concludes: PASS when what was found is accepted, else the verdict that the check names."""

from __future__ import annotations

from pipelines.contract import Check, Parameter, Reason, Verdict


def conclude(name: str, fits: bool, otherwise: Verdict, *, overridable: bool = True, **parameters: Parameter) -> Check:
    """Return a check that passes when it `fits` and else has the verdict `otherwise`; its reason's code is its name.

    Parameters
    ----------
    name
        Of the check, and the code of its reason.
    fits
        Whether what was found is accepted.
    otherwise
        The verdict when it is not.
    overridable
        False where a REJECT may never be overridden by anyone.
    **parameters
        ``found`` and ``accepted``, as the reason's text wants them.
    """
    return Check(name, Verdict.PASS if fits else otherwise, Reason(name, parameters), overridable)
