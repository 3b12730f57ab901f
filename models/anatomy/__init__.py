"""Bodies as tissues: label maps from a folder, made anatomy where there is none, and the phantoms of demo and tests."""

from models.anatomy.label_map import BONE, DEPTH_STEP_MM, LabelMap, label_map, load_map, save_map
from models.anatomy.sources import FoundLabel, FoundMap, found_map, map_files, prepare, prepared

__all__ = [
    "BONE",
    "DEPTH_STEP_MM",
    "FoundLabel",
    "FoundMap",
    "LabelMap",
    "found_map",
    "label_map",
    "load_map",
    "map_files",
    "prepare",
    "prepared",
    "save_map",
]
