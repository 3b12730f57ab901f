"""How far a synthetic CT is from the true one."""

from models.metrics.regions import BONE_ABOVE_HU, SOFT_FROM_HU, RegionErrors, mean_errors, region_errors

__all__ = ["BONE_ABOVE_HU", "SOFT_FROM_HU", "RegionErrors", "mean_errors", "region_errors"]
