"""From an MR volume and a model package to synthetic CT numbers. Importing this imports torch."""

from models.inference.predictor import Prediction, Predictor
from models.inference.resampling import resample

__all__ = ["Prediction", "Predictor", "resample"]
