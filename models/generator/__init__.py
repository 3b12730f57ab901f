"""Training pairs from label maps by domain randomisation, in torch, on a processor or a graphics card."""

from models.generator.pairs import BODY, CT, MR, Draw, PairGenerator
from models.generator.plan import AppearancePlan, GeometryPlan, PairPlan

__all__ = ["BODY", "CT", "MR", "AppearancePlan", "Draw", "GeometryPlan", "PairGenerator", "PairPlan"]
