"""Training pairs from label maps by domain randomisation, in torch, on a processor or a graphics card."""

from models.generator.pairs import Batch, Draw, PairGenerator
from models.generator.plan import AppearancePlan, GeometryPlan, PairPlan

__all__ = ["AppearancePlan", "Batch", "Draw", "GeometryPlan", "PairGenerator", "PairPlan"]
