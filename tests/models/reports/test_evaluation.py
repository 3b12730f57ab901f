"""A package is judged on pairs as a physicist would do it by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from known_pairs import GRID, NOT_FINITE, Knowing, head
from typer.testing import CliRunner

from models.cli import app
from models.errors import InputError, PairsError
from models.inference import Predictor
from models.metrics import DEFAULT, PROTOCOLS, region_errors
from models.nifti import read_nifti, write_nifti
from models.packages import CardMetrics, ModelPackage, load_package
from models.pairs import Pair, write_pair
from models.reports.content import as_json, card_metrics
from models.reports.judging import evaluate
from models.reports.page import html
from models.reports.results import Evaluation
from models.reports.writing import write_report
from models.volumes import Grid, Volume

pytestmark = pytest.mark.slow

BIAS = 60.0


@pytest.fixture
def package(write_small_package: Callable[[], Path]) -> ModelPackage:
    return load_package(write_small_package())


def judged(package: ModelPackage, pairs: Path, **options: object) -> Evaluation:
    knowing = cast(Predictor, options.pop("predictor", None) or Knowing(BIAS))
    return evaluate(package, knowing, pairs, DEFAULT, lambda _: None, **options)  # type: ignore[arg-type]


def test_figures_are_those_of_the_known_error_patient_before_cohort(package: ModelPackage, pairs: Path) -> None:
    evaluation = judged(package, pairs)
    shares = []
    for seed in range(3):
        ct, body = head(seed)
        shares.append(BIAS * (ct[body] > 250).mean())
    rows = {(row.method, row.contrast): row for row in evaluation.rows()}
    everybody = rows["model", "any"].of("mae_body")
    assert everybody is not None
    # Three anatomies in four images: the one in two contrasts counts once.
    assert (everybody.patients, everybody.mean) == (3, pytest.approx(np.mean(shares), rel=1e-5))
    only_t2 = rows["model", "T2"].of("mae_body")
    assert only_t2 is not None
    assert (only_t2.patients, only_t2.low) == (1, None)
    bone = rows["model", "T1"].of("me_bone")
    assert bone is not None
    assert bone.mean == pytest.approx(BIAS, rel=1e-4)
    assert {method for method, _ in rows} == {"model", "all-water"}


def test_patients_whom_the_package_has_learnt_from_are_told_first(package: ModelPackage, pairs: Path) -> None:
    training = package.card.training.model_copy(update={"trained_on": ("seg_1", "seg_9")})
    known = replace(package, card=package.card.model_copy(update={"training": training}))
    evaluation = judged(known, pairs)
    assert evaluation.learnt_from == ("seg_1",)
    assert "TRAINED ON 1 OF THESE 3 PATIENTS" in card_metrics(evaluation).protocol
    assert as_json(evaluation)["trained_on"] == ["seg_1"]
    assert "TRAINED" not in card_metrics(judged(package, pairs)).protocol


def test_all_water_misses_all_bone_and_is_counted(package: ModelPackage, pairs: Path) -> None:
    evaluation = judged(package, pairs)
    water = next(row for row in evaluation.rows() if row.method == "all-water")
    dice = next(one for one in water.figures if one.name == "dice_bone")
    assert dice.cohort is not None
    assert (dice.cohort.mean, dice.cohort.patients, dice.missed) == (0.0, 3, 4)
    ct, body = head(1)
    expected = region_errors(ct, np.where(body, 0.0, -1000.0), body).body.mae
    case = next(one for one in evaluation.cases if one.patient == "seg_1-T1")
    assert case.value("all-water", "mae_body") == pytest.approx(expected)
    difference = next(d for d in evaluation.differences(["mae_body"]) if d.contrast == "any")
    assert difference.cohort.high is not None
    assert difference.cohort.high < 0


def test_a_mean_map_is_laid_on_the_body_wherever_it_lies(package: ModelPackage, pairs: Path, tmp_path: Path) -> None:
    ct, _ = head(0)
    away = type(GRID)(GRID.size, GRID.spacing, (300.0, -500.0, 40.0))
    write_nifti(Volume(ct, away), tmp_path / "mean.nii.gz")
    evaluation = judged(package, pairs, mean_map=tmp_path / "mean.nii.gz")
    case = next(one for one in evaluation.cases if one.patient == "seg_0-T1")
    # It is that patient's own CT, so that on him nothing but the interpolation's rounding is wrong.
    assert case.value("mean-map", "mae_body") == pytest.approx(0.0, abs=1.0)
    assert case.value("all-water", "mae_body") != pytest.approx(0.0, abs=50.0)


def test_the_card_s_figures_are_ready_to_be_copied(package: ModelPackage, pairs: Path) -> None:
    content = as_json(judged(package, pairs))
    metrics = CardMetrics.model_validate(content["card_metrics"])
    assert metrics.baselines == ("all-water",)
    assert metrics.protocol.startswith("Simulated, not real")
    for stated in (
        "-1024 .. 3071 HU",
        "body mask",
        "bone above 250 HU",
        "linear interpolation",
        "3 patients, 4 images",
    ):
        assert stated in metrics.protocol
    t1 = next(row for row in metrics.rows if row.contrast == "T1")
    assert t1.cases == 3
    assert {"mae_body", "mae_bone", "psnr_body", "dice_bone", "hd95_bone"} <= t1.figures.keys()
    assert t1.figures["mae_bone"].low is not None
    json.dumps(content, allow_nan=False)


def test_pairs_that_the_package_itself_refuses_are_judged_and_told_everywhere(
    write_small_package: Callable[[], Path], small_card: dict[str, Any], tmp_path: Path
) -> None:
    grid, where = Grid((40,) * 3, (4.0,) * 3, (0.0,) * 3), np.indices((40,) * 3)
    ball = np.linalg.norm(where - 19.5, axis=0) < 14
    for number in range(2):
        mr = np.where(ball, 1140 + 5 * where[0] + number, 0).astype(np.float32)
        images = (mr, np.where(ball, mr - 1100, np.float32(-1000)), ball)
        write_pair(Pair(f"P{number}", *(Volume(image, grid) for image in images)), tmp_path / "pairs")
    small_card["body_site"] = "pelvis"
    small_card["output"]["voxel_mm"] = [4.0, 4.0, 4.0]
    small_card["inputs"][0]["max_in_plane_mm"] = 4.0
    fitting = judged(load_package(write_small_package()), tmp_path / "pairs")
    assert (fitting.gate.asked, fitting.gate.refused) == (2, ())
    assert "input gate" not in card_metrics(fitting).protocol
    assert "refuses none of the 2 pairs" in html(fitting)
    small_card["inputs"][0]["max_in_plane_mm"] = 2.0
    found = judged(load_package(write_small_package()), tmp_path / "pairs")
    assert len(found.cases) == 2
    content = as_json(found)
    assert content["gate"]["asked"] == 2
    assert content["gate"]["refused"][0] == {
        "pair": "P0",
        "check": "voxel-size",
        "found": "4.00 x 4.00 x 4.00 mm",
        "accepted": "up to 2 mm in plane, 5 mm between slices",
    }
    for told in (card_metrics(found).protocol, html(found).split('<div class="tiles">')[0]):
        assert "refuses 2 of these 2 pairs (voxel-size): it does not compute such images" in told


def test_pairs_that_say_nothing_are_not_called_real(package: ModelPackage, pairs: Path) -> None:
    for file in pairs.glob("*/about.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "simulated": False, "contrast": None}))
    evaluation = judged(package, pairs)
    assert card_metrics(evaluation).protocol.startswith("The pairs do not say whether they are simulated or of")
    assert evaluation.contrasts == ("unstated",)


def test_a_refused_pair_is_told_and_the_others_are_judged(package: ModelPackage, pairs: Path) -> None:
    mr = read_nifti(pairs / "seg_2-T1" / "mr.nii.gz")
    mr.values[0, 0, 0] = NOT_FINITE
    write_nifti(mr, pairs / "seg_2-T1" / "mr.nii.gz")
    evaluation = judged(package, pairs)
    assert [(one.patient, one.why) for one in evaluation.refused] == [("seg_2-T1", "mr-refused found=by the stand-in")]
    assert len(evaluation.cases) == 3
    content = as_json(evaluation)
    assert content["refused"][0]["patient"] == "seg_2-T1"
    assert "1 more could not be read or computed" in content["card_metrics"]["protocol"]


def test_a_limit_takes_the_first_and_nothing_judged_is_an_error(package: ModelPackage, pairs: Path) -> None:
    assert [one.patient for one in judged(package, pairs, limit=2).cases] == ["seg_0-T1", "seg_0-T2"]
    with pytest.raises(PairsError, match="pairs-missing"):
        judged(package, pairs / "nowhere")
    for file in pairs.glob("*/mr.nii.gz"):
        mr = read_nifti(file)
        mr.values[0, 0, 0] = NOT_FINITE
        write_nifti(mr, file)
    with pytest.raises(InputError, match="nothing-evaluated"):
        judged(package, pairs)


def test_scales_are_held_against_the_errors(package: ModelPackage, pairs: Path) -> None:
    found = as_json(judged(package, pairs))["uncertainty"]
    # Errors are 0, or 60 HU in bone. A scale of 30 HU reaches 69 HU at 90 %, and at 80 % only 48 HU.
    at = {one["level"]: one for one in found["coverage"]}
    assert at[0.9]["body"] == 1.0
    assert (at[0.8]["tissues"]["soft"], at[0.8]["tissues"]["bone"]) == (1.0, 0.0)
    without = judged(package, pairs, predictor=Knowing(BIAS, scale=None))
    assert as_json(without)["uncertainty"] is None


def test_a_tile_does_not_let_two_means_pass_for_a_difference(package: ModelPackage, pairs: Path) -> None:
    def tiles(bias: float) -> str:
        return html(judged(package, pairs, predictor=Knowing(bias))).split('<div class="tiles">')[1].split("<h2>")[0]

    assert "NO DIFFERENCE" not in tiles(BIAS)
    # All-water is wrong by 900, 910 and 920 HU in bone: 910 too high is better in one patient and worse in another.
    undecided = re.findall(r"all-water: NO DIFFERENCE SHOWN \((\S+) to (\S+)\)", tiles(910.0))
    assert any(low.startswith("−") and high.startswith("+") for low, high in undecided)
    assert "all-water: the model is WORSE (+" in tiles(2000.0)


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_the_page_opens_with_the_notice_and_states_range_and_mask_at_each_table(
    package: ModelPackage, pairs: Path, tmp_path: Path, protocol: str
) -> None:
    chosen = PROTOCOLS[protocol]
    evaluation = evaluate(package, cast(Predictor, Knowing(BIAS)), pairs, chosen, lambda _: None, limit=2)
    write_report(evaluation, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    body = page[page.index("<body>") :]
    assert (
        body.removeprefix("<body>")
        .lstrip()
        .startswith('<div class="notice">Research use only. Not a medical device.</div>')
    )
    assert page.count(f"range {chosen.stated_range} · {chosen.region.value}") == page.count("<caption>") >= 4
    assert "Simulated, not real" in page
    assert page.count("data:image/png;base64,") == 1
    # Nothing is fetched: the one file is the report.
    assert 'src="http' not in page
    assert 'href="http' not in page
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.html", "report.json"]


def test_names_from_files_cannot_write_into_the_page(package: ModelPackage, pairs: Path, tmp_path: Path) -> None:
    about = pairs / "seg_1-T1" / "about.json"
    about.write_text(json.dumps({"contrast": "<script>$x$</script>", "case": "<b>&", "simulated": True}))
    write_report(judged(package, pairs), tmp_path)
    assert "<script>" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_command_writes_both_files_and_refuses_in_one_line(
    package: ModelPackage, pairs: Path, tmp_path: Path
) -> None:
    call = ["evaluate", str(package.folder), "--pairs", str(pairs), "--out", str(tmp_path / "out"), "--limit", "1"]
    result = CliRunner().invoke(app, [*call, "--json"])
    assert result.exit_code == 0, result.output
    assert "range -1024 .. 3071 HU" in result.stderr
    (line,) = result.stdout.splitlines()
    told = json.loads(line)
    (line,) = [line for line in result.output.splitlines() if line.startswith("mean of") and "all-water" in line]
    figures = told["card_metrics"]["rows"][1]["figures"]
    assert f"mae_body {figures['mae_body']['mean']}  " in line
    assert told["gate"]["asked"] == 1
    assert "gate refuses 1 of these 1 pairs" in result.stderr
    report = json.loads(Path(told["report"]).read_text(encoding="utf-8"))
    assert report["card_metrics"] == told["card_metrics"]
    assert report["protocol"]["mask"] == "body mask"
    refused = CliRunner().invoke(app, [*call, "--protocol", "nonsense"])
    assert refused.exit_code == 2
    assert "protocol-unknown" in refused.output
