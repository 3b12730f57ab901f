"""The parts of a card that say where a model comes from and how well it was found to do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from models.packages.closed import Closed

Share = Annotated[float, Field(ge=0, le=1)]


class CardTraining(Closed):
    """Where the weights come from.

    Attributes
    ----------
    data, source, licence
        What was trained on, from where, under which licence.
    trained_on, held_out
        Names of the cases.
    recipe
        Name of the recipe.
    steps, minutes
        How long it was trained.
    parent
        Name, version and content hash of the package that training started from; None when it started from nothing.
    """

    data: str
    source: str
    licence: str
    trained_on: tuple[str, ...]
    held_out: tuple[str, ...]
    recipe: str
    steps: int = Field(ge=0)
    minutes: float = Field(ge=0)
    parent: str | None = None


class Figure(Closed):
    """A mean over cases and its 95 % confidence interval; without bounds where the cases are too few for one."""

    mean: float
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Figure:
        low, high = self.low, self.high
        if (low is None) != (high is None) or (low is not None and high is not None and low > high):
            raise ValueError(f"low and high must come together and in order, got {low} and {high}")
        return self


class MetricRow(Closed):
    """One method's figures.

    Attributes
    ----------
    method
        ``model``, or the name of a baseline or of an earlier model.
    contrast
        Weighting of the input, ``any`` where it does not matter.
    cases
        Number of patients or maps.
    figures
        By name and region, e.g. ``mae_body``, ``dice_bone``; in the output's unit where a metric has one.
    """

    method: str
    contrast: str
    cases: int = Field(ge=1)
    figures: dict[str, Figure]


class CardMetrics(Closed):
    """How the figures were measured, which methods are baselines, and the figures."""

    protocol: str
    baselines: tuple[str, ...] = ()
    rows: tuple[MetricRow, ...]

    @model_validator(mode="after")
    def _baselines_are_measured(self) -> CardMetrics:
        methods = {row.method for row in self.rows}
        if missing := sorted(set(self.baselines) - methods):
            raise ValueError(f"baselines without a row: {', '.join(missing)}")
        return self


class CardCalibration(Closed):
    """What the predicted uncertainty is worth, and how far the output errs at most where that was measured.

    Attributes
    ----------
    statement
        ``calibrated`` on held-out cases; ``conformal`` with bounds that hold for exchangeable cases; else
        ``uncalibrated``: larger means less sure, no more.
    factor
        The network's scale is multiplied by this.
    nominal, coverage
        Share of voxels that an interval should hold, and the share that it held on the held-out cases.
    spearman
        Rank correlation of the error and the predicted scale over voxels.
    cases
        Number of held-out cases; 0 when uncalibrated.
    protocol
        On what and how it was measured.
    bounds
        Conformal half-widths by region at `nominal`, in the `error_unit` of the output's quantity; empty unless
        conformal.
    """

    statement: Literal["calibrated", "uncalibrated", "conformal"]
    factor: float = Field(default=1.0, gt=0)
    nominal: Share | None = None
    coverage: Share | None = None
    spearman: float | None = Field(default=None, ge=-1, le=1)
    cases: int = Field(default=0, ge=0)
    protocol: str
    bounds: dict[str, float] = Field(default_factory=dict)

    @property
    def speaks_of_scale(self) -> bool:
        """Whether it says anything of a predicted scale, and not of bounds alone."""
        return self.statement == "calibrated" or self.factor != 1 or self.coverage is not None

    @model_validator(mode="after")
    def _says_only_what_was_measured(self) -> CardCalibration:
        if self.statement != "uncalibrated" and (self.nominal is None or self.cases == 0):
            raise ValueError(f"{self.statement} needs nominal and cases")
        if self.statement == "calibrated" and self.coverage is None:
            raise ValueError("calibrated needs coverage")
        if (self.statement == "conformal") != bool(self.bounds):
            raise ValueError("bounds belong to a conformal statement, and to no other")
        return self


class CardGate(Closed):
    """The learned input gate, whose weights are the tensors ``gate.*``, and both of its error rates.

    Attributes
    ----------
    threshold
        Inputs with a lower score are refused.
    false_refusals
        Share of acceptable inputs that were refused.
    false_acceptances
        Share of inputs that were let in, by what was wrong with them, e.g. ``skull-stripped``.
    cases
        Number of inputs tried, acceptable and not.
    protocol
        What they were.
    """

    threshold: float
    false_refusals: Share
    false_acceptances: dict[str, Share] = Field(min_length=1)
    cases: int = Field(ge=1)
    protocol: str


class CardGolden(Closed):
    """An input and the output it must give, kept in ``golden/``.

    Attributes
    ----------
    voxels
        Size of both along x, y, z; on the working grid.
    tolerance
        Largest difference of a voxel that devices and precisions may make, in the output's unit; of labels, the largest
        share of voxels that may differ.
    """

    voxels: tuple[int, int, int]
    tolerance: float = Field(gt=0)
