"""Pairs repeat by number, agree with each other, and differ from one another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from models.anatomy import LabelMap
from models.generator import PairGenerator
from models.intensity import CEILING, reference_intensity
from models.tissues import AIR_HU, PROPERTIES, Tissue


def test_a_number_is_a_pair(generator: PairGenerator) -> None:
    first = generator.batch([5])
    other, again = generator.batch([6]), generator.batch([5])
    for part in ("mr", "ct"):
        assert torch.equal(first.images[part], again.images[part])
        assert not torch.equal(first.images[part], other.images[part])
    assert torch.equal(first.masks["body"], again.masks["body"])
    assert not torch.equal(first.masks["body"], other.masks["body"])


def test_a_batch_is_its_pairs(generator: PairGenerator) -> None:
    together = generator.batch(range(6))
    for number in range(6):
        alone = generator.batch([number])
        assert torch.equal(together.masks["body"][number], alone.masks["body"][0])
        torch.testing.assert_close(together.images["mr"][number], alone.images["mr"][0], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(together.images["ct"][number], alone.images["ct"][0], rtol=1e-3, atol=0.1)


def test_a_kept_draw_is_rendered_again(generator: PairGenerator, maps: list[LabelMap], plan: Any) -> None:
    draw = generator.draw(3)
    elsewhere = PairGenerator(maps, plan)
    assert torch.equal(generator.batch([3]).images["mr"], elsewhere.render([draw]).images["mr"])
    quiet = elsewhere.render([replace(draw, scan=replace(draw.scan, noise=0.0))])
    assert not torch.equal(quiet.images["mr"], elsewhere.render([draw]).images["mr"])
    assert torch.equal(quiet.images["ct"], elsewhere.render([draw]).images["ct"])


def test_another_seed_makes_other_pairs(generator: PairGenerator, maps: list[LabelMap], plan: Any) -> None:
    assert not torch.equal(
        generator.batch([0]).images["ct"], PairGenerator(maps, replace(plan, seed=8)).batch([0]).images["ct"]
    )


def test_pairs_are_what_a_network_can_learn_from(generator: PairGenerator, plan: Any) -> None:
    batch = generator.batch(range(24))
    assert batch.images["mr"].shape == batch.images["ct"].shape == batch.masks["body"].shape == (24, 1, 24, 24, 24)
    assert batch.images["mr"].dtype == batch.images["ct"].dtype == torch.float32
    assert batch.masks["body"].dtype == torch.bool
    assert 0 <= batch.images["mr"].min() <= batch.images["mr"].max() <= CEILING
    assert batch.images["ct"].min() == AIR_HU
    assert batch.images["ct"].max() <= plan.appearance.ct_highest_hu
    assert torch.isfinite(batch.images["mr"]).all()
    for mr, ct, body in zip(batch.images["mr"], batch.images["ct"], batch.masks["body"], strict=True):
        assert body.any()
        assert (ct > 300).any()
        assert (ct[~body] < -500).float().mean() > 0.9
        assert mr.std() > 0


def test_mr_and_ct_show_the_same_body(maps: list[LabelMap], still: Any) -> None:
    generator = PairGenerator(maps, still.where("contrast", plausible_share=1.0))
    draws = [generator.draw(number) for number in range(12)]
    batch, tissue = generator.render(draws), generator.tissues(draws)
    for number, draw in enumerate(draws):
        ct, mr, kind = batch.images["ct"][number], batch.images["mr"][number], tissue[number]
        deep = {t: _inner(kind == t) for t in (Tissue.AIR, Tissue.CORTICAL_BONE, Tissue.WHITE)}
        assert (ct[deep[Tissue.AIR]] < -950).all()
        bone, brain = deep[Tissue.CORTICAL_BONE], deep[Tissue.WHITE]
        if bone.any() and brain.any():
            assert ct[bone].median() > 600
            assert mr[bone].median() < mr[brain].median()
        own = draw.density.means
        for one in (Tissue.WHITE, Tissue.CSF):
            where = _inner(kind == one)
            if where.any():
                assert ct[where].median() == pytest.approx(own[one], abs=40)
    assert not batch.images["ct"][~batch.masks["body"]].gt(0).any()


def test_the_scale_is_about_that_of_a_whole_image(maps: list[LabelMap], still: Any) -> None:
    whole = PairGenerator(maps, replace(still, patch_voxels=40, voxel_mm=2.5))
    seen = []
    for number in range(12):
        draw = whole.draw(number)
        middle = np.array(maps[draw.map].shape) / 2
        mr = whole.render([replace(draw, placement=replace(draw.placement, centre=middle))]).images["mr"]
        seen.append(reference_intensity(mr.numpy()))
    assert 0.6 < np.exp(np.mean(np.log(seen))) < 1.7


def test_without_bending_the_map_comes_back(maps: list[LabelMap], still: Any) -> None:
    one = maps[0]
    size = max(one.shape) + 3
    generator = PairGenerator([one], replace(still, voxel_mm=one.voxel_mm, patch_voxels=size))
    draw = generator.draw(0)
    middle = replace(draw.placement, matrix=np.eye(3), centre=(np.array(one.shape) - 1) / 2)
    found = generator.tissues([replace(draw, placement=middle)])
    for tissue in (Tissue.WHITE, Tissue.GREY, Tissue.CSF):
        assert int((found == tissue).sum()) == int((one.tissue == tissue).sum())
    assert int(found.max()) <= max(Tissue)


def test_what_was_imaged_ends_at_the_field_of_view(maps: list[LabelMap], plan: Any) -> None:
    generator = PairGenerator(maps, replace(plan, geometry=plan.geometry.model_copy(update={"crop_share": 1.0})))
    draw = generator.draw(0)
    batch = generator.render([draw])
    beyond = torch.ones_like(batch.masks["body"][0, 0])
    beyond[draw.view] = False
    assert beyond.any()
    assert not batch.images["mr"][0, 0][beyond].any()
    assert not batch.masks["body"][0, 0][beyond].any()
    assert (batch.images["ct"][0, 0][beyond] == AIR_HU).all()


def test_metal_is_bright_in_ct_and_a_void_in_mr(maps: list[LabelMap], still: Any) -> None:
    plain = PairGenerator(maps, still)
    metal = PairGenerator(maps, still.where("pathology", implant_share=1.0))
    found = 0
    for number in range(8):
        draw = metal.draw(number)
        with_it, without = metal.render([draw]), plain.render([replace(draw, inserts=())])
        implant = metal.tissues([draw]) == Tissue.METAL
        found += int(implant.any())
        if _inner(implant[0]).any():
            inner = _inner(implant[0])
            assert with_it.images["ct"][0][inner].mean() > without.images["ct"][0][inner].mean()
            assert (with_it.images["mr"][0][inner] <= 0.1).all()
        if implant.any():
            darker = (with_it.images["mr"] < 0.5 * without.images["mr"]).sum()
            assert darker >= implant.sum() / 2
    assert found >= 2


def test_lesions_change_the_brain_alone(maps: list[LabelMap], still: Any) -> None:
    generator = PairGenerator(maps, still.where("pathology", lesion_share=1.0))
    changed = 0
    for number in range(6):
        draw = generator.draw(number)
        after, before = generator.tissues([draw]), generator.tissues([replace(draw, inserts=())])
        new = after != before
        changed += int(new.sum())
        assert set(before[new].tolist()) <= {Tissue.WHITE, Tissue.GREY, Tissue.DEEP_GREY}
        assert set(after[new].tolist()) <= {Tissue.LESION, Tissue.OEDEMA, Tissue.CSF}
    assert changed > 0


def test_every_tissue_has_properties() -> None:
    assert set(PROPERTIES) == set(Tissue)


def _inner(mask: torch.Tensor) -> torch.Tensor:
    kernel = torch.ones(1, 1, 3, 3, 3)
    return (torch.nn.functional.conv3d(mask[None].float(), kernel, padding=1) > 26.5)[0]
