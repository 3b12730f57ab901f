"""A real nnU-Net v2, trained for a few steps by nnU-Net itself. Run as a program, in a process of its own.

``python small_nnunet.py FOLDER`` leaves ``FOLDER/model`` (plans.json, dataset.json, fold_0/checkpoint_final.pth) and
``FOLDER/case.nii.gz`` with nnU-Net's own answer ``FOLDER/answer.nii.gz``.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import sys
from pathlib import Path

import nibabel
import numpy as np

SIDE = 32
SPACING = (1.5, 1.5, 2.0)


def balls(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A dark ball and a smaller bright one in noise, the dark one towards the first axis's start; image and labels."""
    rng = np.random.default_rng(number)
    at = np.indices((SIDE, SIDE, SIDE)).astype(float)
    labels = np.zeros((SIDE,) * 3, np.uint8)
    for label, (centre, radius) in enumerate((((9, 16, 16), 6.5), ((24, 14, 18), 4.5)), start=1):
        shift = rng.uniform(-2, 2, 3)
        distance = np.sqrt(sum((a - c - s) ** 2 for a, c, s in zip(at, centre, shift, strict=True)))
        labels[distance < radius] = label
    image = 100 + 10 * rng.standard_normal(labels.shape) + np.array([0.0, -150.0, 200.0])[labels]
    return image.astype(np.float32), labels


def affine() -> np.ndarray:
    """Axes stored towards left, posterior and superior, in NIfTI's RAS millimetres."""
    return np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])


def train(folder: Path) -> None:
    """Plan, preprocess and train with nnU-Net's own code; then let it answer for a case that it never saw."""
    for name in ("raw", "preprocessed", "results"):
        os.environ |= {f"nnUNet_{name}": str(folder / name)}
    os.environ |= {"nnUNet_n_proc_DA": "1", "nnUNet_compile": "f", "nnUNet_def_n_proc": "1"}
    raw = folder / "raw" / "Dataset001_Balls"
    for inner in ("imagesTr", "labelsTr"):
        (raw / inner).mkdir(parents=True)
    for number in range(5):
        image, labels = balls(number)
        nibabel.save(nibabel.Nifti1Image(image, affine()), raw / "imagesTr" / f"ball_{number}_0000.nii.gz")
        nibabel.save(nibabel.Nifti1Image(labels, affine()), raw / "labelsTr" / f"ball_{number}.nii.gz")
    dataset = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "large": 1, "small": 2},
        "numTraining": 5,
        "file_ending": ".nii.gz",
    }
    (raw / "dataset.json").write_text(json.dumps(dataset))

    import torch
    from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.run.run_training import run_training
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    torch.set_num_threads(1)
    # nnU-Net's pools start anew and import torch again; a fork of this process has it.
    fork = multiprocessing.get_context("fork")
    multiprocessing.get_context = lambda method=None: fork  # type: ignore[assignment]
    begin = nnUNetTrainer.initialize

    def few_steps(self: nnUNetTrainer) -> None:
        self.num_epochs, self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 1, 40, 1
        self.enable_deep_supervision = False
        begin(self)

    nnUNetTrainer.initialize = few_steps
    nnUNetTrainer.perform_actual_validation = lambda self, save_probabilities=False: None
    extract_fingerprints([1], num_processes=1)
    plan_experiments([1])
    plans = folder / "preprocessed" / raw.name / "nnUNetPlans.json"
    planned = json.loads(plans.read_text())
    for configuration in planned["configurations"].values():
        network = configuration.get("architecture", {}).get("arch_kwargs", {})
        network |= {"features_per_stage": [min(16 * 2**n, 32) for n in range(network.get("n_stages", 0))]}
    plans.write_text(json.dumps(planned))
    preprocess([1], configurations=["3d_fullres"], num_processes=[1])
    os.environ |= {"nnUNet_n_proc_DA": "0"}  # in this process; the planner wants at least one
    run_training("1", "3d_fullres", 0, device=torch.device("cpu"))
    (trained,) = (folder / "results" / "Dataset001_Balls").iterdir()
    predictor = nnUNetPredictor(use_mirroring=False, perform_everything_on_device=False, device=torch.device("cpu"))
    predictor.initialize_from_trained_model_folder(str(trained), (0,))
    image, _ = balls(99)
    nibabel.save(nibabel.Nifti1Image(image, affine()), folder / "case.nii.gz")
    found = predictor.predict_single_npy_array(image.T[None], {"spacing": list(SPACING[::-1])})
    nibabel.save(nibabel.Nifti1Image(found.T.astype(np.uint8), affine()), folder / "answer.nii.gz")
    model = folder / "model" / trained.name
    model.parent.mkdir()
    for name in ("plans.json", "dataset.json", "fold_0/checkpoint_final.pth"):
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(trained / name, model / name)


if __name__ == "__main__":
    train(Path(sys.argv[1]))
