"""What the error codes of this floor say to a person, in English, each with what helps; `{names}` are parameters.

A sentence is what is wrong, what is accepted where the error says it, and what to do: the error's own remedy where it
has one, else that of the table. Parameters that the template does not name stand in brackets, so that nothing is lost.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass

from models.errors import ModelsError


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence, and the remedy that stands after it where the error has none of its own."""

    what: str
    remedy: str = ""


_AS_MADE = "Get the file again from where it was made"

_PACKAGES = {
    "package-unknown": Text("No package is called {found}", "`synthnode models list` names those that are installed"),
    "package-absent": Text("{folder} is no package ({found})", "Give a package's folder or name"),
    "package-doubled": Text("The name {name} is that of {first} ({version})"),
    "package-exists": Text("{folder} exists"),
    "package-incomplete": Text("The package {place} lacks {missing}", "Install it again from its source"),
    "package-invalid": Text("The package cannot be used", "Install it again from its source"),
    "package-name-taken": Text("{found} is the name and version of other weights, in {first}"),
    "package-not-trainable": Text(
        "No training can begin from {package} ({found})", "Begin from a package of that kind"
    ),
    "package-stranger": Text("The package {place} holds something that no package may hold", "Take it out"),
    "package-tampered": Text("The package {folder} is not as it was made: its hash is {found}, not {stated}"),
    "packages-folder-missing": Text("{folder} is no folder of packages ({found})"),
    "card-claims-run": Text("{file} states {key}, which the run says itself"),
    "card-invalid": Text("{place} is no complete card ({key})", "docs/packages.md has a complete card"),
    "card-of-another-task": Text("The card {file} is of another task than the run: it has {found}"),
    "card-of-other-weights": Text("The card {file} tells of other weights: {found}, packed are {packed}"),
    "card-overstated": Text("The card {file} states what is not a person's to state: {found}"),
    "card-schema": Text("The card in {folder} is of schema {found}"),
    "card-unreadable": Text("The card {place} cannot be read", "docs/packages.md has a complete card"),
    "folder-not-empty": Text("{folder} holds other things", "Name another folder"),
    "archive-unreadable": Text("{file} is no whole archive of a package ({found})", _AS_MADE),
    "golden-invalid": Text("The golden image {file} of {folder} has {found}", "Install the package again"),
    "golden-too-large": Text("The golden image {file} of {folder} is too large", "Make it of fewer voxels"),
    "weights-unreadable": Text("{file} holds no weights that can be read ({found})", _AS_MADE),
    "weights-unfit": Text(
        "The weights in {folder} are not those of the network on the card ({found})", "Pack it again"
    ),
    "weights-of-another-network": Text("{weights} are weights of another network"),
    "gate-absent": Text("{folder} holds no trained input gate ({found})"),
    "gate-unfit": Text("The input gate's weights do not fit ({found})", "Train the gate and pack the package again"),
    "precision-refused": Text("The card of {package} does not allow {found}", "Compute it in one of these"),
    "precision-unknown": Text("{found} is no number format", "Name one of these"),
    "onnx-custom-operators": Text("{file} needs operators of its maker ({found})", "Export it with standard ones"),
    "onnx-differs": Text("The exported graph differs from the network by {found}", "Report it: nothing was written"),
    "export-refused": Text("{package} cannot be written as a graph: {found}", "Export the package whole"),
    "onnx-external-data": Text("{file} keeps tensors outside itself ({found})"),
    "onnx-unfit": Text("The graph in {folder} does not fit the card", "Correct the card, or export the graph anew"),
    "onnx-unreadable": Text("{file} is no ONNX graph that can be read ({found})", _AS_MADE),
    "answer-not-finite": Text("The model {package} gave values that are no numbers, in {precision} on {device}"),
}

_IMPORTING = {
    "axes-unknown": Text("{found} names no axes", "Say how the voxels of the training images were stored"),
    "bundle-unreadable": Text("{place} is no MONAI bundle that can be read", "Give the bundle's own folder"),
    "channels-differ": Text("The card {file} has {card} inputs, the model takes {model}", "State each on the card"),
    "code-not-agreed": Text("{source} can run code of its maker ({found}) when it is converted"),
    "conversion-differs": Text(
        "What was converted differs from its source by {found}", "Nothing was written; report it"
    ),
    "conversion-failed": Text(
        "The conversion failed", "Look whether `synthnode[importing]` is installed, and at its words"
    ),
    "conversion-overran": Text("{converter} took more than {seconds} s", "Convert it on a quieter machine"),
    "nnunet-cascade": Text("{folder} is one stage of a cascade ({found})", "Train a configuration of one stage"),
    "nnunet-configuration": Text("{folder} names no configuration of its plans ({found})", "Give the trainer's folder"),
    "nnunet-fold": Text("{folder} has no fold {missing} ({found})", "Name a fold that was trained"),
    "nnunet-labels": Text("{folder} has labels {found}", "Number them without gaps"),
    "nnunet-regions": Text("{folder} has overlapping regions ({found})", "Train on labels"),
    "nnunet-too-old": Text("{folder} is of nnU-Net {found}", "Train it with a later one"),
    "nnunet-unreadable": Text("{place} is no trained nnU-Net that can be read", "Give the trainer's folder"),
    "normalisation-unsupported": Text(
        "Channel {channel} in {folder} is normalised by {found}", "Train with one of these"
    ),
}

_IMAGES = {
    "input-doubled": Text("An input was given twice: {found}", "Give each once"),
    "input-missing": Text("The input {input} is missing", "Give it by `--input NAME=FILE`"),
    "input-refused": Text("The input gate refuses {file}: {found}", "Give an image that the model was made for"),
    "input-unknown": Text("The model has no input {found}", "Name one of these"),
    "input-unnamed": Text("{found} names no input", "Write it so"),
    "intensity-constant": Text("The image shows nothing: all values lie between {smallest} and {largest}", _AS_MADE),
    "intensity-not-finite": Text("{voxels} voxels of the image are no finite numbers", _AS_MADE),
    "source-too-thin": Text("The image has {size} voxels", "Give the whole volume"),
    "target-misses-source": Text("The grid at {origin} lies where no image was acquired", "Give images of one frame"),
    "target-not-axial": Text("The grid's axes are {found}", "Ask for an axial grid"),
    "target-spacing": Text("The grid's spacing is {found} mm", "Ask for the card's"),
    "ensembling-refused": Text("A segmentation cannot be averaged {found}: its structures have a side", "Leave it out"),
    "model-input-invalid": Text("The image cannot be computed with", _AS_MADE),
    "output-unfit": Text("{found} cannot be the output", "Name such a file"),
    "body-empty": Text("There is no body in the mask", "Look at the mask, and make it anew"),
    "body-not-found": Text(
        "Nothing in the image stands out from its background", "Give an image with air around the body"
    ),
    "nifti-datatype": Text("{file} holds {found}"),
    "nifti-geometry": Text("Where {file} lies cannot be said: {found}"),
    "nifti-not-3d": Text("{file} has the shape {shape}", "Give one volume"),
    "nifti-unreadable": Text("{file} is no NIfTI file that can be read ({found})", _AS_MADE),
    "device-absent": Text("This machine has no {found}"),
    "device-unfit": Text("The device cannot run the network", "Take another device"),
    "device-unknown": Text("{found} is no name of a device", "Name one of these"),
    "memory-short": Text(
        "The memory of {device} is too short for tiles of {smallest_tile}",
        "Close what else uses it, or take another device",
    ),
}

_PAIRS = {
    "pairs-invalid": Text("The pairs cannot be used", "docs/training-data.md says what a pair is"),
    "pairs-missing": Text("{folder} holds no pairs", "docs/training-data.md says how a folder of pairs looks"),
    "pairs-too-few": Text("{patients} patients are too few", "Add patients"),
    "pair-exists": Text("{folder} exists"),
    "pair-file-missing": Text("{file} is missing (there: {found})"),
    "pair-file-unreadable": Text("{file} cannot be read ({found})", _AS_MADE),
    "pair-grids-differ": Text("{file} lies on a grid of its own ({found})"),
    "pair-names-swapped": Text("The MR of {patient} looks like a CT and the CT like an MR ({found}; {file})"),
    "pair-same-image": Text("Both images of {patient} are the same ({found}; {file})", "Put the right image there"),
    "pair-several-images": Text("{file} is one of several images of a part"),
    "pair-several-patients": Text("{file} speaks of the patient {found}"),
    "patient-doubled": Text("A patient stands there twice ({found})"),
    "patient-known": Text("The package knows patients of these pairs: {found}"),
    "patient-name-unfit": Text("{folder} has a name that cannot be a patient's ({found})", "Rename it"),
    "about-unreadable": Text("{file} cannot be read ({found})", "Correct it, or take it out"),
    "contours-unreadable": Text(
        "{file} holds no contoured CT ({found})", "Take it from its source again, or out of the folder"
    ),
    "contours-missing": Text("{folder} holds no contoured CT ({found})", "Name the folder of the .npz files"),
    "offset-unknown": Text("No contour tells what {file} adds to its CT numbers ({found})", "Leave it out"),
    "ct-not-hu": Text("{file} holds no CT numbers ({found})"),
    "mr-looks-like-hu": Text("{file} holds CT numbers ({found})"),
    "mask-empty": Text("The mask {file} is empty ({found})"),
    "mask-not-binary": Text("The mask {file} has other values ({found})", "Make the mask anew"),
    "image-constant": Text("{file} shows nothing ({found})", _AS_MADE),
    "image-not-finite": Text("{file} has values that are no numbers ({found})", _AS_MADE),
    "image-too-thin": Text("{file} has {found} voxels", "Give the whole volume"),
    "registration-failed": Text("The images could not be registered ({found})", "Look at both, and set the pair aside"),
    "labels-missing": Text("{file} is missing"),
}

_LABELS = {
    "labels-absent": Text("{folder} holds no label maps", "Give a folder with NIfTI files of labels"),
    "labels-empty": Text("A label map has too little in it ({found})", "Take it out"),
    "labels-not-whole": Text("{file} holds {found}", "Give the labels, not probabilities"),
    "labels-spacing": Text("{file} has voxels of {spacing_mm} mm", "Resample it to cubes"),
    "labels-too-few": Text("{folder} has too few label maps ({found})", "Add label maps"),
    "labels-too-thick": Text("{file} has slices of {spacing_mm} mm", "Give finer label maps"),
    "labels-unknown": Text("The labels of {patient} have values that the task has not: {found}", "Correct the labels"),
    "labels-unreadable": Text("{file} is no label map that can be read ({found})", _AS_MADE),
    "labels-yaml-exists": Text("{file} exists"),
    "labels-yaml-invalid": Text(
        "{file} does not say what labels mean ({found})", "docs/training-data.md has an example"
    ),
    "label-doubled": Text("{file} has the label {label} twice"),
    "label-unknown": Text("{file} has labels that mean nothing here: {labels}", "Give them tissues in a labels.yaml"),
    "tissue-unknown": Text("{file} names a tissue that there is not: {found}", "Name one of these"),
    "atlas-unreadable": Text("The atlas {file} cannot be read ({found})", _AS_MADE),
    "atlases-absent": Text("{folder} holds no atlases", "Give the folder that has them"),
    "contrast-unknown": Text("{found} is no contrast", "Name one of these"),
    "phantom-options": Text("Noise {noise} and bias {bias} cannot be drawn", "Give such numbers"),
    "site-unknown": Text("No phantom is called {found}", "Name one of these"),
}

_TRAINING = {
    "recipe-invalid": Text("The recipe {file} is wrong: {found}", "docs/training.md says what may stand there"),
    "recipe-not-rendered": Text("The recipe {file} learns from {found} data", "Give a recipe of that kind"),
    "recipe-unreadable": Text("The recipe {file} cannot be read ({found})", "Begin with models/recipes/first-try.yaml"),
    "data-of-another-run": Text("{folder} does not hold the data of the run"),
    "data-unfit": Text("The recipe learns from other data ({found})", "Give that option instead"),
    "length-unfit": Text("The length of training is stated as {found}", "State it so"),
    "name-unfit": Text("{found} cannot be a package's name ({option})", "Give another"),
    "one-process-only": Text("This runs in one process ({found})"),
    "run-absent": Text("{folder} holds no run", "Give the folder that `synthnode models train` filled"),
    "run-exists": Text("{folder} holds a run already"),
    "run-of-another-plan": Text("The run in {folder} was begun otherwise ({found})"),
    "run-of-another-recipe": Text("The run in {folder} was begun with another recipe"),
    "run-stopped": Text("The run in {folder} was stopped after step {step}"),
    "run-unreadable": Text("What {file} says of the run cannot be read ({found})", "Begin the run anew"),
    "checkpoint-absent": Text("{folder} has no checkpoint ({found})"),
    "checkpoint-of-another-network": Text("The checkpoint in {folder} is of another network ({found})", "Begin anew"),
    "checkpoint-unreadable": Text("No checkpoint in {folder} can be read ({found})", "Begin the run anew"),
    "report-unreadable": Text("{file} has nothing that can be used under {key} ({found})", "Make the report anew"),
    "training-diverged": Text("The training in {folder} diverged at step {step}"),
    "storage-full": Text("There is no room ({found})", "Make room, then give the command again"),
    "storage-short": Text("{place} has too little room ({found})"),
}

_JUDGING = {
    "evaluation-unsupported": Text("{package} cannot be evaluated on pairs ({found})", "Take such a package"),
    "nothing-evaluated": Text("None of the pairs in {folder} could be evaluated; the first: {first}", "Mend the pairs"),
    "protocol-unfit": Text("The protocol {found} is not defined for {quantity}", "Name one of these"),
    "protocol-unknown": Text("No protocol is called {found}", "Name one of these"),
    "image-too-small": Text("The image has {shape} voxels, too few for its structure", "Compare larger images"),
    "mean-map-empty": Text("The mean map holds no body", "Give another map"),
    "monai-missing": Text("The figure {figure} needs MONAI", "Install `synthnode[importing]`"),
    "shapes-differ": Text("Two images that are compared differ in shape", "Bring them onto one grid"),
    "too-few-patches": Text("There are too few patches to compare", "Compare more images"),
    "values-not-finite": Text("Of {voxels} voxels {of} are no numbers", "Give images of finite numbers"),
    "bound-undefined": Text("The output of {package} is {found}, whose error has no bound", "Take such a package"),
    "cases-known": Text("{package} was trained on {found}", "Give pairs of other patients"),
    "cases-too-few": Text("{cases} cases are too few to calibrate", "Add pairs of the site"),
    "factor-undefined": Text(
        "No factor makes the scale fit the errors ({found})", "Look at the pairs and at the scale"
    ),
    "scale-absent": Text("There is no uncertainty to calibrate", "Take such a package"),
    "scale-unfit": Text("The scale of {case} has values of {smallest_scale}", "Have the network checked"),
    "score-undefined": Text("No bound can be drawn from these pairs", "Look at the pairs"),
    "uncalibrated": Text("{pairs} pairs are too few for a bound"),
}

_PLACES = {
    "file-system-refused": Text("The system refuses {file} ({found})", "Look at its path and at its rights"),
    "out-exists": Text("{found} exists"),
    "out-unfit": Text("{place} cannot be written", "Name another place"),
    "models-error": Text("The command cannot go on", "Report it with what the command was given"),
}

TEXTS: Mapping[str, Text] = {
    **_PACKAGES,
    **_IMPORTING,
    **_IMAGES,
    **_PAIRS,
    **_LABELS,
    **_TRAINING,
    **_JUDGING,
    **_PLACES,
}

_PLACE_KEYS = ("place", "file", "folder", "map", "run", "found")
_APART = ("accepted", "expected", "remedy")


def text(error: ModelsError) -> str:
    """Return what `error` says to a person, on one line: what is wrong, what is accepted, and what helps.

    An unknown code shows itself with its parameters.
    """
    template = TEXTS.get(error.code)
    if template is None:
        return one_line(str(error))
    given = dict(error.parameters)
    used = {name for _, name, _, _ in string.Formatter().parse(template.what) if name}
    place = next((key for key in _PLACE_KEYS if key in given), None) if "place" in used else None
    values = {name: given[place] if name == "place" and place else given.get(name, "unknown") for name in used}
    shown = used | {place}
    rest = ", ".join(f"{name} {value}" for name, value in given.items() if name not in shown and name not in _APART)
    sentences = [template.what.format(**values) + (f" [{rest}]" if rest else "")]
    for name in ("accepted", "expected"):
        if name in given:
            sentences.append(f"Accepted: {given[name]}")
    if remedy := str(given.get("remedy", template.remedy)):
        sentences.append(remedy[0].upper() + remedy[1:])
    return one_line(" ".join(f"{sentence.rstrip('.')}." for sentence in sentences))


def one_line(words: str) -> str:
    """Return `words` on one line, with a sign in place of each character that a terminal obeys."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in " ".join(words.split()))
