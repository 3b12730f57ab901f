"""From a patient's images and a model package to a synthetic image. Importing this imports torch."""

from models.inference.ensembling import Ensembling
from models.inference.plan import TilePlan
from models.inference.prediction import Prediction
from models.inference.predictor import Predictor
from models.inference.resampling import resample

__all__ = ["Ensembling", "Prediction", "Predictor", "TilePlan", "resample"]
