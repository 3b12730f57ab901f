"""What reason codes say to a person, in English; `{names}` are the reason's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipelines.contract import Reason

_READING = {
    "path-missing": "{path} does not exist.",
    "paths-no-dicom": "None of the {files} files in {where} is a DICOM object.",
    "file-unreadable": "{file} cannot be read ({found}): it was cut, damaged, or may not be read. Take it from its"
    " source again.",
    "series-empty": "The series holds no instances.",
    "attribute-missing": "{attribute} is absent or empty in instance {instance}. Send the series again as"
    " the scanner made it.",
    "attribute-malformed": "{attribute} of instance {instance} holds {found}; accepted: {expected}.",
    "orientation-invalid": "ImageOrientationPatient of instance {instance} is {found}: not two"
    " orthogonal unit vectors.",
    "multi-frame-unsupported": "Instance {instance} is multi-frame ({found}, {frames} frames). Send the series"
    " as classic single-frame images, or as enhanced CT or MR images.",
    "frames-not-described": "The functional groups of instance {instance} describe {found} frames where it has"
    " {expected}. Send it again as the scanner made it.",
    "localizer": "Instance {instance} is a localizer, not part of a volume.",
    "series-mixed": "{attribute} differs within one series: {found}. Images of two things cannot be one volume.",
    "several-volumes": "The series holds several acquisitions: {found}. Send one volume a series.",
    "volume-not-found": "The series holds {found}; taken is: {expected}. Send the series that holds it.",
    "volume-ambiguous": "Of the series' volumes several are {expected}: {found}. Send one volume a series.",
    "single-slice": "The series has {found} slice(s); a volume needs at least {expected}.",
    "slice-doubled": "There are {found} slices at position {position} mm along the slice normal; accepted: {expected}.",
    "slices-missing": "{missing} slice(s) missing, the first at {position} mm along the slice normal: {found} found,"
    " {expected} expected. Send the whole series.",
    "spacing-uneven": "The slice at {position} mm breaks the even spacing: found {found} mm, expected {expected} mm.",
    "slices-sheared": "The slices lean by {found} degrees; a gantry tilts by at most {expected}.",
    "pixel-data-missing": "Instance {instance} has no pixel data.",
    "pixel-data-length": "The pixel data of instance {instance} has {found} bytes or pixels where {expected} are"
    " expected: it was cut or its rows and columns are wrong.",
    "pixel-data-undecodable": "The pixel data of instance {instance} ({found}) cannot be decoded ({detail}).",
    "pixels-not-grey": "Instance {instance} is {found}; accepted: MONOCHROME2 with one sample a pixel.",
    "pixels-inverted": "Instance {instance} is {found}: whether its values are inverted or only their display is not"
    " said. Send it as MONOCHROME2.",
    "pixel-cell-invalid": "Pixels of instance {instance} cannot be read from their cells: {found} (PS3.5 8.1.1).",
    "modality-lut-unsupported": "Instance {instance} maps its pixels by a Modality LUT; accepted: slope and intercept.",
    "units-unknown": "The {quantity} map {instance} does not say its values in a unit that can be read: found {found};"
    " accepted: RealWorldValueMapping in {expected} or a multiple. Send the quantitative map, not its colours or"
    " raw data.",
    "patient-position-unsupported": "PatientPosition is {found}; accepted: {accepted}.",
    "body-not-found": "Nothing in the volume stands out from its background.",
    "slot-empty": "No series fills the input {slot}.",
    "model-unfit": "The model {model} is no model for this pipeline ({found}); accepted: {accepted}.",
    "answer-not-finite": "The model {package} gave values that are no numbers, in {precision} on {device}: {remedy}.",
    "pipeline-unknown": "No pipeline named {pipeline} is installed; installed: {known}.",
    "gate-undeclared": "The pipeline {pipeline} has no input gate that runs alone.",
    "input-folder-missing": "{folder} is no folder.",
    "input-folder-empty": "None of the {files} files in {folder} is a DICOM image.",
    "input-series-ambiguous": "The input {slot} takes one series; {found} in the folder may be it: {descriptions}."
    " Choose one by SeriesDescription with --slot {slot}=PATTERN.",
    "input-slot-unknown": "There is no input {slot}; the pipeline has {known}.",
    "intensity-not-finite": "{voxels} voxels of the series are not finite numbers.",
    "intensity-constant": "The series shows nothing: all its values lie between {smallest} and {largest}.",
}

_PAIRS = {
    "pairs-folder-missing": "{folder} is no folder, or holds no patient's folder.",
    "pairs-no-dicom": "None of the {files} files in {folder} is an MR or CT image in DICOM.",
    "pairs-patient-unnamed": "{file} has no PatientID, so nobody can say whose image it is.",
    "pairs-several-patients": "Two patients under one PatientID: {attribute} differs between {first} and {second}."
    " Correct the wrong one at its source.",
    "pairs-series-shared": "{first} and {second} are of one series, but under two PatientIDs. Correct the wrong one at"
    " its source.",
    "pairs-series-ambiguous": "A patient has {found} {modality} series (one with {file}): {descriptions}. Choose by"
    " SeriesDescription with {option}, e.g. {option} '{example}'.",
    "pairs-series-missing": "The patient has no {modality} series that was asked for.",
    "pairs-images-several": "{folder} holds {found} files for {part}: one patient a folder, with mr.nii.gz and"
    " ct.nii.gz once each.",
    "pairs-file-unreadable": "{file} cannot be read ({found}).",
    "pairs-key-inside": "The key {file} would lie among the pairs in {out}: whoever gets them would get it too. Name a"
    " file elsewhere.",
    "pairs-key-exposed": "Others than its owner may read the key {file} (mode {found}): set its mode to 0600, and think"
    " of what was made with it as no longer pseudonymous.",
    "pairs-key-unreadable": "{file} is no key file, or cannot be read or written ({found}).",
    "pairs-out-overlaps": "{out} and {folder} lie one inside the other: name a folder for the pairs apart from the"
    " images.",
}

_GATE = {
    "modality": "Modality: {found}; accepted: {accepted}.",
    "source-origin": "Origin of the images: {found}; accepted: {accepted}.",
    "series-parts": "What the series holds: {found}; accepted: {accepted}.",
    "gantry-tilt": "Gantry tilt: {found}; accepted: {accepted}. Slices are moved within their planes, which blurs them"
    " a little: compare with the images that were sent.",
    "body-part": "BodyPartExamined: {found}; accepted: {accepted}.",
    "patient-position": "PatientPosition: {found}; accepted: {accepted}.",
    "patient-attributes": "Patient attributes without a value: {found}; accepted: {accepted}. They are never invented:"
    " correct them at the source.",
    "contrast": "MR contrast by the sequence's timing: {found}; accepted: {accepted}.",
    "contrast-agent": "Contrast agent: {found}; accepted: {accepted}.",
    "slice-count": "Slices: {found}; accepted: {accepted}.",
    "voxel-size": "Voxel size: {found}; accepted: {accepted}.",
    "field-of-view": "Field of view: {found}; accepted: {accepted}.",
    "residual-motion": "Motion of the patient between {between}, by a rigid registration: {found}; accepted:"
    " {accepted}. Nothing was moved: what is computed would mix two places.",
    "patient-age": "Patient's age: {found}; the model was made for {accepted}.",
    "distortion-correction": "Correction of gradient distortion: {found}; accepted: {accepted}. Switch it on at"
    " the scanner.",
    "field-strength": "Magnetic field strength: {found}; accepted: {accepted}.",
    "implants": "Metal or an implant: {found}; accepted: {accepted}. Around it signal is lost, and what is computed"
    " there is no measurement.",
    "lossy-compression": "Lossy compression: {found}; accepted: {accepted}.",
    "intensity-finite": "Values of the image: {found}; accepted: {accepted}.",
    "intensity-varied": "The image shows {found}; accepted: {accepted}.",
    "magnitude-image": "Values of the image: {found}; accepted: {accepted}. CT numbers and standardised values go"
    " below 0, an MR scanner's own images do not.",
    "body-in-air": "The body fills {found}; accepted: {accepted}. More than that is noise or a field inside"
    " the patient.",
    "body-cut": "The field cuts the body: {found}; accepted: {accepted}. A part of a head gives a part of a CT.",
    "slice-order": "Neighbouring slices differ, as a share of those two apart, by {found}; accepted: {accepted}. More"
    " means two acquisitions in one series, slices out of order or pixels read wrongly: look at the images across"
    " their slices.",
    "input-gate": "The model's own input gate: {found}; accepted: {accepted}.",
    "whole-head": "Head with scalp and skull: {found}; accepted: {accepted}. A brain without its skull gives no CT.",
}

_CHECKS = {
    "returned-slices-missing": "{found} of {expected} images came back; missing are slices {slices} and maybe more.",
    "returned-frame-differs": "The frame of reference is another one (slice {slice}).",
    "returned-geometry-differs": "{attribute} is {found}, sent was {expected} (slice {slice}).",
    "returned-pixels-unreadable": "The pixels of slice {slice} cannot be compared ({error}).",
    "returned-hu-differs": "{expected} HU came back as {found} HU (slice {slice}).",
    "returned-mark-lost": "{attribute}, by which a synthetic image is known, is {found}, sent was {expected}"
    " (slice {slice}).",
    "returned-attribute-differs": "{attribute} is {found}, sent was {expected} (slice {slice}).",
    "returned-structures-missing": "No structure set came back.",
    "returned-roi-missing": "Region {roi} did not come back; there are: {found}.",
    "returned-contours-differ": "The contours of region {roi} differ: {found}, expected {expected}.",
    "model-hash": "Model package: {found}; the run names {accepted}.",
    "one-patient": "Patient, study and frame of reference of the series: {found}; accepted: {accepted}. Series of two"
    " patients or frames must not be computed together: choose those of one study.",
    "geometry": "Geometry of the outputs: {found}; accepted: {accepted}.",
    "laterality": "Left and right of the outputs against the source: {found}; accepted: {accepted}.",
    "body-outline": "Body outline of the synthetic CT against the MR's: {found}; accepted: {accepted}.",
    "field-of-view-cut": "Body cut by the field of view: {found}; accepted: {accepted}.",
    "empty-end-slices": "End slices without any body: {found}; accepted: {accepted}.",
    "air-outside": "Values outside the body: {found}; accepted: {accepted}.",
    "outside-the-field": "Voxels outside the MR's field, written as air: {found}.",
    "soft-tissue-hu": "Median of soft tissue: {found}; accepted: {accepted}.",
    "bone-hu": "Median of bone: {found}; accepted: {accepted}.",
    "bone-volume": "Bone: {found}; accepted: {accepted}.",
    "disc-signal-simulated": "The signal of the discs is simulated: CT does not show a disc's water, so neither"
    " degeneration nor its absence can be read from this image.",
    "flair-simulated": "This FLAIR is computed from CT and shows no more than the CT does. Of such a system a review"
    " (R001) reports sensitivity up from 38% to 82% and specificity down from 67% to 33%: neither diagnose nor exclude"
    " a lesion by it.",
    "contrast-enhanced-ct": "Contrast agent in the CT: {found}; accepted: {accepted}. Its brightness would become"
    " signal.",
    "after-thrombectomy": "Treatment before the CT: {found}; accepted: {accepted}. Contrast agent that has leaked looks"
    " like blood or tissue.",
    "haemorrhage-suspected": "Dense as clotted blood within the skull: {found}; accepted: {accepted}. Look at the CT:"
    " no synthetic MR is made of it.",
    "organs-found": "Organs: {found}; accepted: {accepted}.",
    "organ-volumes": "Volumes of organs: {found}; accepted: {accepted}.",
    "organ-pieces": "Share of an organ's voxels in its largest piece: {found}; accepted: {accepted}.",
    "organ-confidence": "Mean share that the network gives to an organ within it (not calibrated): {found}; accepted:"
    " {accepted}.",
    "organ-sides": "Left and right: {found}; accepted: {accepted}.",
    "slices-not-axial": "The CT's slices are {found}; accepted: {accepted}. Contours are drawn on its own images.",
    "corner-mark": "SYNTHETIC mark: {found}; accepted: {accepted}.",
    "signal-in-body": "Signal in the body: {found}; accepted: {accepted}.",
    "bone-dark-in-synthetic-mr": "Signal of compact bone in the synthetic MR: {found}; accepted: {accepted}.",
    "slice-step": "Slice step: {found}; accepted: {accepted}. A coarser step keeps the series under 400 slices.",
    "synthetic-slice-order": "Neighbouring slices of the synthetic CT differ, as a share of those two apart, by"
    " {found}; accepted: {accepted}.",
    "bone-dark-in-mr": "Cortical bone of the synthetic CT that is dark in the MR, as bone is: {found}; accepted:"
    " {accepted}.",
    "dark-rim-bone": "Dark rim of the MR under the skin that is bone in the synthetic CT, on the worse side: {found};"
    " accepted: {accepted}.",
    "tissue-by-mr": "Typical and bright tissue of the MR that has HU of soft tissue: {found}; accepted: {accepted}.",
    "edges-agree": "Agreement of the edges of MR and synthetic CT: {found}; accepted: {accepted}. Less means that they"
    " show other anatomy, or the same elsewhere.",
    "signal-void": "Largest void of the MR's signal in the body: {found}; accepted: {accepted}. Metal leaves such a"
    " void, and what is written there nobody measured.",
    "bright-vessels": "Tissue deep in the upper half of the body that is as bright in the MR as vessels with contrast"
    " agent: {found}; accepted: {accepted}.",
    "left-right-symmetry": "Likeness of left and right in the synthetic CT: {found}; accepted: {accepted}.",
}

_OBJECTS = {
    "object-attribute-missing": "{attribute} is missing or empty, which the standard asks for ({clause}).",
    "object-value-too-long": "{attribute} has {found} characters; accepted: {accepted}.",
    "object-number-unwritable": "The number {found} cannot be written as a DICOM decimal; accepted: {accepted}.",
    "object-values-not-finite": "{found} voxels of the synthetic image hold no finite number.",
    "object-uncertainty-negative": "The uncertainty reaches down to {found}; it must not be negative.",
    "object-segment-plane": "A frame of the segmentation lies on {found} images; accepted: 1. The images must have the"
    " planes of the masks' grid.",
    "object-signal-range": "The signal goes from {found}; accepted: {accepted}. Name in the model's card"
    " what lies outside the body, and cut what the network gives below 0.",
    "object-grid-oblique": "The output's grid is not axial; accepted: {accepted}.",
    "object-pixels-not-square": "Pixels of {found} are not square.",
    "object-too-many-slices": "{found} slices; planning systems take at most {accepted}. Take a coarser step.",
    "object-posture-contradicts-source": "The output is to be {found}, the source's PatientPosition is {accepted}.",
    "object-no-rois": "The structure set has no regions; accepted: {accepted}.",
    "object-frames-differ": "Images and source stand in {found} frames of reference; accepted: {accepted}.",
    "object-roi-doubled": "Two regions share one {attribute} ({found}).",
    "object-roi-name": "The region's name {found!r} cannot be written; accepted: {accepted}.",
    "object-roi-number": "The region {roi} has the number {found}; accepted: {accepted}.",
    "object-roi-shape": "The mask of {roi} has the shape {found}; accepted: {accepted}.",
    "object-roi-empty": "The mask of {roi} is empty.",
    "object-not-pdf": "The report of {found} bytes is no PDF file.",
    "object-picture-shape": "The summary picture is {found}; accepted: rows x columns x 3 of eight bits.",
    "object-registration-of-one-frame": "Both series stand in the frame of reference {found}: they are related without"
    " a registration.",
    "object-contour-without-image": "{roi} has voxels on the plane at {position} mm, where no image is sent.",
}

_SEMANTICS = {
    "rejection-of-several-studies": "Objects of {found} studies cannot be rejected by one note: write one for each.",
    "rejection-without-description": "A rejection needs the reason in words.",
    "rejection-without-objects": "There is no object to reject.",
    "object-rule-held": "Holds for all {objects} objects: {clause}.",
    "object-none": "There is no object to send.",
    "object-class-unknown": "Instance {instance} is of SOP class {found!r}, which there are no rules for ({clause}).",
    "object-frames-counted": "Instance {instance} describes {found} frames and states {accepted} ({clause}).",
    "object-frame-misplaced": "A frame of instance {instance} lies {found} mm from the image that it belongs to;"
    " accepted: {accepted} mm ({clause}).",
    "object-acquisition-claimed": "{attribute} of instance {instance} is {found!r}, as if it had been acquired"
    " ({clause}).",
    "object-unreadable": "The rule {rule} cannot be judged: an attribute that it looks at is missing or malformed"
    " ({detail}; {clause}).",
    "object-pixel-declaration": "{attribute} of instance {instance} is {found}, as which its pixels cannot be read"
    " ({clause}).",
    "object-image-unlisted": "Instance {instance} has contours on the image {found}, which it does not list"
    " ({clause}).",
    "object-identity-differs": "{attribute} of instance {instance} is not the source's ({clause}).",
    "object-uid-doubled": "{attribute} of instance {instance} is missing, invalid, or names something else too"
    " ({clause}).",
    "object-series-mixed": "Instance {instance} is {found} in a series of {accepted} ({clause}).",
    "object-file-meta-differs": "{attribute} in the file meta of instance {instance} names another object ({clause}).",
    "object-mark-missing": "{attribute} of instance {instance} does not mark it as synthetic: found {found!r},"
    " accepted {accepted!r} ({clause}).",
    "object-approved": "{attribute} of instance {instance} is {found!r}; accepted: {accepted} ({clause}).",
    "object-frame-differs": "{attribute} of instance {instance} names the frame of reference {found}; the source's is"
    " {accepted} ({clause}).",
    "object-geometry-uneven": "{attribute} of instance {instance} differs from the other slices or is unreadable"
    " ({clause}).",
    "object-geometry-oblique": "Instance {instance} lies in no axial plane: {found} ({clause}).",
    "object-geometry-step": "Before instance {instance} the slice step is {found} mm with {sideways} mm sideways;"
    " accepted: {accepted} mm and none ({clause}).",
    "object-posture-differs": "Instance {instance} shows the posture {found}; accepted: {accepted} ({clause}).",
    "object-pixel-length": "Instance {instance} has {found} bytes of pixel data; accepted: {accepted} ({clause}).",
    "object-values-beyond-bits": "Instance {instance} stores {found}, which {accepted} bits cannot hold ({clause}).",
    "object-values-beyond-range": "Instance {instance} holds {found}; accepted: {accepted} ({clause}).",
    "object-source-missing": "Instance {instance} or its series does not name all images that it was derived"
    " from ({clause}).",
    "object-source-unknown": "Instance {instance} names {found} as its source, which it is not ({clause}).",
    "object-rejection-title": "Instance {instance} has the title {found!r}; accepted: {accepted} ({clause}).",
    "object-rejection-unexplained": "Instance {instance} does not say why it rejects ({clause}).",
    "object-rejection-unlisted": "Instance {instance} names {found} objects in its content and {stated} in its list of"
    " evidence, not the same ones ({clause}).",
    "object-rejection-incomplete": "Instance {instance} does not reject {found}, which goes along ({clause}).",
    "object-reference-dangling": "Instance {instance} refers to {found}, which does not go along ({clause}).",
    "object-roi-unmatched": "{attribute} of instance {instance} has {found} items for {accepted} regions, or for others"
    " ({clause}).",
    "object-contour-points": "A contour of region {roi} in instance {instance} has {found} points, states {stated} and"
    " is of type {kind!r} ({clause}).",
    "object-contour-images": "A contour of region {roi} in instance {instance} names {found} images; accepted: 1"
    " ({clause}).",
    "object-contour-off-plane": "A contour of region {roi} in instance {instance} lies {found} mm off the plane of its"
    " image; accepted: {accepted} mm ({clause}).",
    "object-contour-outside": "A contour of region {roi} in instance {instance} reaches {found} mm beyond its image"
    " ({clause}).",
    "object-report-root": "The structured report {instance} is no container by a template: found {found!r}; accepted:"
    " TID {accepted} ({clause}).",
    "object-report-item": "The item {item!r} ({found}) of the structured report {instance} lacks its relation, value or"
    " unit ({clause}).",
    "object-report-volume": "The structured report {instance} gives {roi} {found} mL, the structure set {accepted} mL"
    " ({clause}).",
    "object-report-verdict": "The structured report {instance} states the verdict {found!r} ({clause}).",
    "object-pdf-broken": "The document in instance {instance} is no whole PDF file: {found} ({clause}).",
    "object-capture-placed": "The picture {instance} states {attribute}, as if it could be measured on ({clause}).",
    "object-registration-not-rigid": "A matrix of a registration is not rigid: {found}.",
    "object-registration-frames": "The registration {instance} names the frames of reference {found}; it must name"
    " {accepted} and at least one other, each once ({clause}).",
    "object-registration-moved": "The registration {instance} moves the frame {found} that it stands in itself"
    " ({clause}).",
    "object-external-hollow": "The patient's outline, region {roi} in instance {instance}, has a hole ({clause}).",
    "object-external-count": "Instance {instance} has {found} outlines of the patient; accepted: {accepted}"
    " ({clause}).",
}

TEXTS: Mapping[str, str] = MappingProxyType({**_READING, **_PAIRS, **_GATE, **_CHECKS, **_OBJECTS, **_SEMANTICS})
"""Every reason code of this floor, and its text."""


def text(reason: Reason) -> str:
    """Return what `reason` says, after the input that it is about; of a code that has no text, its parameters.

    A reason may come from a database that a newer version wrote, so an unknown code is shown, not refused.
    """
    template = TEXTS.get(reason.code)
    of = f"Input {reason.parameters['input']}: " if "input" in reason.parameters else ""
    if template is not None:
        try:
            return of + template.format(**reason.parameters)
        except (KeyError, IndexError):
            pass
    listed = ", ".join(f"{name}={value}" for name, value in reason.parameters.items())
    return f"{reason.code}: {listed}" if listed else reason.code
