"""ONNX files: standard graphs become packages and back; what could reach outside itself is refused."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from models.cli import app
from models.errors import PackageError
from models.importing.onnx_export import export_onnx, left_out
from models.importing.onnx_import import import_onnx
from models.importing.receiving import received
from models.importing.sandbox import Converted
from models.importing.written import SITE_MUST, UNMEASURED
from models.inference import Predictor
from models.networks.building import residual_unet
from models.packages import ResidualUNetNetwork, card_text, load_package
from models.packages.card_text import NO_SCALE
from models.packages.golden import check_golden, made_input
from models.packages.onnx_file import check_onnx
from models.volumes import Volume

Card = Callable[[dict[str, Any]], Path]

TILE = (16, 16, 16)
LIBRARY = Path(str(files("models") / "library"))


def graph(inputs: int = 1, fields: int = 1, operator: str = "Conv", domain: str = "") -> onnx.ModelProto:
    """One 1x1x1 convolution that multiplies by 100: an MR in units of 100 HU."""
    weight = np.full((fields, inputs, 1, 1, 1), 100.0, np.float32)
    node = helper.make_node(operator, ["tiles", "w"], ["fields"], domain=domain)
    made = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("tiles", TensorProto.FLOAT, ["batch", inputs, *TILE])],
        [helper.make_tensor_value_info("fields", TensorProto.FLOAT, ["batch", fields, *TILE])],
        [numpy_helper.from_array(weight, "w")],
    )
    domains = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(made, opset_imports=domains, ir_version=9)


@pytest.fixture
def synthesis(written: dict[str, Any]) -> dict[str, Any]:
    """The card of a network from CT to CT."""
    written["task"] = {"kind": "synthesis", "title": "CT to CT"}
    written["inputs"][0]["normalisation"] = {
        "kind": "fixed",
        "lowest": -1000.0,
        "highest": 2000.0,
        "mean": 0.0,
        "deviation": 100.0,
    }
    written["output"] = {
        "modality": "CT",
        "quantity": "ct-number",
        "unit": "HU",
        "lowest": -1000.0,
        "highest": 2000.0,
        "voxel_mm": [2.0, 2.0, 2.0],
        "outside": -1000.0,
    }
    written["tile"] = {"tile_voxels": list(TILE), "overlap": 0.5}
    return written


def test_a_graph_becomes_a_package_that_computes(synthesis: dict[str, Any], write_card: Card, tmp_path: Path) -> None:
    onnx.save(graph(), tmp_path / "net.onnx")
    card, out = write_card(synthesis), tmp_path / "made"
    command = ["import", "onnx", str(tmp_path / "net.onnx"), "--card", str(card), "--out", str(out), "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    package = load_package(out)
    assert package.card.status.value == "reference"
    assert package.card.network.parameters == 1
    assert package.card.predicts_scale is False
    assert check_golden(package).difference <= 0.51
    source = made_input(package.card, package.card.inputs[0])
    found = Predictor(package).predict({"ct": source}, source.grid, lambda _: None)
    # Scaled by 1/100 on the way in and by 100 within: where there is body, the image itself.
    body = source.values > -500
    np.testing.assert_allclose(found.synthetic.values[body], source.values[body], atol=0.01)
    assert found.uncertainty is None
    assert f"Uncertainty    {NO_SCALE}" in CliRunner().invoke(app, ["show", str(out)]).output


def test_several_inputs_and_a_batch_of_one_are_taken(
    synthesis: dict[str, Any], write_card: Card, tmp_path: Path
) -> None:
    model = graph(inputs=2)
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, tmp_path / "net.onnx")
    synthesis["inputs"] = [synthesis["inputs"][0], synthesis["inputs"][0] | {"name": "other"}]
    package = import_onnx(tmp_path / "net.onnx", write_card(synthesis), tmp_path / "made")
    one = made_input(package.card, package.card.inputs[0])
    two = Volume(one.values / 2, one.grid)
    found = Predictor(package).predict({"other": two, "ct": one}, one.grid, lambda _: None)
    body = one.values > -500
    np.testing.assert_allclose(found.synthetic.values[body], np.clip(1.5 * one.values[body], -1000, 2000), atol=0.01)


@pytest.mark.hazard("HAZ-15")
@pytest.mark.parametrize(
    ("model", "found"),
    [
        (graph(inputs=2), "input"),
        (graph(fields=3), "output"),
    ],
    ids=["channels", "fields"],
)
def test_a_graph_of_other_channels_than_the_card_is_refused(
    synthesis: dict[str, Any], write_card: Card, tmp_path: Path, model: onnx.ModelProto, found: str
) -> None:
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(PackageError) as caught:
        import_onnx(tmp_path / "net.onnx", write_card(synthesis), tmp_path / "made")
    assert caught.value.code == "onnx-unfit"
    assert found in caught.value.parameters
    assert not (tmp_path / "made").exists()


@pytest.mark.hazard("HAZ-15")
def test_operators_that_only_a_library_of_its_own_could_run_are_refused(tmp_path: Path) -> None:
    onnx.save(graph(operator="Trojan", domain="com.example"), tmp_path / "net.onnx")
    with pytest.raises(PackageError) as caught:
        check_onnx(tmp_path / "net.onnx")
    assert caught.value.code == "onnx-custom-operators"
    assert "com.example" in str(caught.value.parameters["found"])


@pytest.mark.hazard("HAZ-15")
@pytest.mark.parametrize("difference", [float("nan"), 0.5, None, "0.0"])
def test_a_conversion_that_is_not_near_its_network_is_refused(
    synthesis: dict[str, Any], tmp_path: Path, difference: object
) -> None:
    onnx.save(graph(), tmp_path / "model.onnx")
    with pytest.raises(PackageError, match="conversion-differs"):
        received(synthesis, Converted({"difference": difference}, ""), tmp_path, tmp_path / "made")


@pytest.mark.hazard("HAZ-15")
def test_what_a_conversion_leaves_is_looked_at_like_anybodys_file(synthesis: dict[str, Any], tmp_path: Path) -> None:
    onnx.save(graph(operator="Trojan", domain="com.example"), tmp_path / "model.onnx")
    with pytest.raises(PackageError, match="onnx-custom-operators"):
        received(synthesis, Converted({"difference": 0.0}, ""), tmp_path, tmp_path / "made")
    (tmp_path / "model.onnx").rename(tmp_path / "elsewhere.onnx")
    (tmp_path / "model.onnx").symlink_to(tmp_path / "elsewhere.onnx")
    with pytest.raises(PackageError, match="conversion-failed"):
        received(synthesis, Converted({"difference": 0.0}, ""), tmp_path, tmp_path / "made")
    assert not (tmp_path / "made").exists()


@pytest.mark.hazard("HAZ-15")
def test_data_outside_the_file_are_refused(tmp_path: Path) -> None:
    onnx.save(graph(), tmp_path / "net.onnx", save_as_external_data=True, location="elsewhere.bin", size_threshold=0)
    with pytest.raises(PackageError, match="onnx-external-data"):
        check_onnx(tmp_path / "net.onnx")


@pytest.mark.hazard("HAZ-15")
@pytest.mark.parametrize(
    "content", [pickle.dumps({"weights": [1.0] * 50}), b"", b"\x08"], ids=["pickle", "empty", "cut"]
)
def test_what_is_no_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(PackageError, match="onnx-unreadable"):
        check_onnx(tmp_path / "net.onnx")


CLAIMS: dict[str, Any] = {
    "schema": 3,
    "disclaimer": "Cleared for clinical use.",
    "status": "site-released",
    "network": {"precisions": ["bfloat16"]},
    "metrics": {
        "protocol": "Hundreds of patients.",
        "rows": [{"method": "model", "contrast": "any", "cases": 500, "figures": {"mae_body": {"mean": 12.0}}}],
    },
    "calibration": {"statement": "calibrated", "nominal": 0.9, "coverage": 0.9, "cases": 500, "protocol": "Patients."},
    "gate": {
        "threshold": 0.5,
        "false_refusals": 0.0,
        "false_acceptances": {"noise": 0.0},
        "cases": 9,
        "protocol": "Some.",
    },
    "golden": {"tolerance": 1e9},
    "sha256": "0" * 64,
}
"""What a person might like to see on a card, and nobody measured here."""


@pytest.mark.hazard("HAZ-15")
@pytest.mark.parametrize("key", CLAIMS)
def test_a_card_does_not_claim_what_was_not_measured_here(
    synthesis: dict[str, Any], write_card: Card, tmp_path: Path, key: str
) -> None:
    onnx.save(graph(), tmp_path / "net.onnx")
    with pytest.raises(PackageError, match="card-overstated") as caught:
        import_onnx(tmp_path / "net.onnx", write_card(synthesis | {key: CLAIMS[key]}), tmp_path / "made")
    assert caught.value.parameters["found"] == key
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("key", "value"), [("reported", {"mae": 12.0}), ("site_must", "Nothing."), ("site_must", None), ("lisence", "MIT")]
)
def test_a_card_with_something_else_than_is_asked_for_is_refused_by_its_key(
    synthesis: dict[str, Any], write_card: Card, tmp_path: Path, key: str, value: object
) -> None:
    onnx.save(graph(), tmp_path / "net.onnx")
    with pytest.raises(PackageError, match="card-invalid") as caught:
        import_onnx(tmp_path / "net.onnx", write_card(synthesis | {key: value}), tmp_path / "made")
    assert caught.value.parameters["key"] == key


@pytest.mark.parametrize("own", [[], ["Scan a phantom."]])
def test_what_a_site_must_do_is_added_to_and_what_the_source_reports_is_told_as_that(
    synthesis: dict[str, Any], write_card: Card, tmp_path: Path, own: list[str]
) -> None:
    onnx.save(graph(), tmp_path / "net.onnx")
    synthesis |= {"site_must": own, "reported": "MAE 12 HU in 500 patients."}
    card = import_onnx(tmp_path / "net.onnx", write_card(synthesis), tmp_path / "made").card
    assert card.site_must == (*SITE_MUST, *own)
    assert card.metrics.rows == ()
    assert card.metrics.protocol.startswith(UNMEASURED)
    assert "By its source, not checked here: MAE 12 HU in 500 patients." in card_text(card)


def test_our_own_network_exported_does_the_same_in_onnx_runtime(
    write_small_package: Callable[[], Path], tmp_path: Path
) -> None:
    folder = write_small_package()
    result = CliRunner().invoke(app, ["export", str(folder), "--onnx", "--out", str(tmp_path / "net.onnx"), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output.strip().splitlines()[-1])["difference"] < 0.5
    check_onnx(tmp_path / "net.onnx")
    package = load_package(folder)
    assert isinstance(package.card.network, ResidualUNetNetwork)
    tiles = torch.rand(3, 1, *TILE)
    with torch.inference_mode():
        ours = residual_unet(package, package.card.network)(tiles).numpy()
    (theirs,) = onnxruntime.InferenceSession(tmp_path / "net.onnx").run(None, {"tiles": tiles.numpy()})
    assert np.abs(ours - theirs).max() < 0.5
    assert ours.std() > 1


def test_an_exported_network_says_what_of_the_package_it_leaves_out(
    write_small_package: Callable[[], Path], small_card: dict[str, Any], tmp_path: Path
) -> None:
    small_card["calibration"] = {"statement": "uncalibrated", "factor": 2.5, "protocol": "Made up."}
    folder = write_small_package()
    command = ["export", str(folder), "--onnx", "--out"]
    plain = CliRunner().invoke(app, [*command, str(tmp_path / "plain.onnx")])
    told = CliRunner().invoke(app, [*command, str(tmp_path / "net.onnx"), "--json"])
    assert "left out     the calibration: multiply the scale by 2.5" in plain.output
    assert "left out     normalisation" in plain.output
    assert "gate" not in plain.output  # it has none
    content = json.loads(told.output.strip().splitlines()[-1])
    assert content["calibration_factor"] == 2.5
    found = {entry.key: entry.value for entry in onnx.load(tmp_path / "net.onnx").metadata_props}
    assert found["left_out"] == "; ".join(content["left_out"])
    assert found["calibration_factor"] == "2.5"
    assert found["package_sha256"] == load_package(folder).sha256
    assert found["disclaimer"] == "Research use only. Not a medical device."


def test_a_missing_gate_is_named() -> None:
    shipped = load_package(LIBRARY / "head-mr-to-ct").card
    assert shipped.gate is not None
    assert any("input gate" in line for line in left_out(shipped))


def test_a_graph_that_does_something_else_is_not_left(
    write_small_package: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.importing.onnx_export.LARGEST_DIFFERENCE_HU", -1.0)
    with pytest.raises(PackageError, match="onnx-differs"):
        export_onnx(load_package(write_small_package()), tmp_path / "net.onnx")
    assert not list(tmp_path.glob("*.onnx"))
