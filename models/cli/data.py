"""Commands about training data: labels, anatomy, samples, simulate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from models.cli.output import Json, as_json, explain_refusals, for_people
from models.cli.places import check_writable

if TYPE_CHECKING:
    from models.anatomy import LabelMap
    from models.generator import PairPlan
    from models.training.data.rendered import RenderedPlan
    from models.training.recipe import Recipe

    _Maps = Callable[[int], list[LabelMap]]

RecipeFile = Annotated[Path, typer.Argument(help="Recipe, e.g. models/recipes/head-mr-to-ct.yaml.")]
Labels = Annotated[Path, typer.Option(help="Folder of label maps; the recipe's last ones are held out.")]
Prepared = Annotated[
    Path | None,
    typer.Option(help="Folder in which prepared label maps are kept: `samples`, `simulate` and `train` can share one."),
]


def samples(
    recipe: RecipeFile,
    labels: Labels,
    device: Annotated[str, typer.Option(help="cpu, or cuda where there is one.")] = "cpu",
    seconds: Annotated[float, typer.Option(help="How long to measure.", min=0.0)] = 20.0,
    maps: Annotated[int, typer.Option(help="Take no more maps than this.", min=1)] = 1000,
    montage: Annotated[Path | None, typer.Option(help="Write a sheet of samples (PNG) here.")] = None,
    columns: Annotated[int, typer.Option(help="Pairs on the sheet.", min=1, max=64)] = 8,
    prepared: Prepared = None,
    json: Json = False,
) -> None:
    """Make training pairs as a recipe says: how fast, and what they look like."""
    from models.generator import PairGenerator
    from models.generator.sheet import write_sheet
    from models.generator.speed import measure
    from models.inference.device import device_named

    say = for_people(json)
    with explain_refusals():
        if montage is not None:
            check_writable(montage)
        chosen, read = device_named(device), _recipe(recipe)
        plan = _pair_plan(recipe, read)
        with _split(labels, _held_out(recipe, read), prepared, say) as (trained, _):
            generator = PairGenerator(trained(maps), plan, chosen)
            speed = measure(generator, read.batch, seconds, chosen)
            if montage is not None:
                montage.parent.mkdir(parents=True, exist_ok=True)
                write_sheet(generator.batch(range(columns)), montage)
    say(
        f"{speed.samples_per_second:.2f} samples/s of {plan.patch_voxels}^3 voxels, batches of {read.batch}, on "
        f"{speed.device}, {speed.threads} threads; {speed.processor_seconds_per_sample:.3f} processor seconds a sample"
    )
    if json:
        figures = {
            "samples": speed.samples,
            "samples_per_second": round(speed.samples_per_second, 3),
            "processor_seconds_per_sample": round(speed.processor_seconds_per_sample, 4),
            "threads": speed.threads,
            "device": speed.device,
            "batch": read.batch,
            "patch_voxels": plan.patch_voxels,
            "montage": str(montage) if montage else None,
        }
        typer.echo(as_json(figures))


def simulate(
    recipe: Annotated[Path, typer.Option(help="Recipe, e.g. models/recipes/head-mr-to-ct.yaml.")],
    labels: Labels,
    out: Annotated[Path, typer.Option(help="Folder of pairs to write.")],
    contrasts: Annotated[str, typer.Option(help="Which contrasts, with commas.")] = "T1,T2,FLAIR,PD",
    held_out: Annotated[bool, typer.Option("--held-out/--trained", help="Which of the recipe's maps.")] = True,
    seed: Annotated[int | None, typer.Option(help="Another seed than the recipe's.", min=0)] = None,
    maps: Annotated[int, typer.Option(help="Take no more maps than this.", min=1)] = 1000,
    prepared: Prepared = None,
    json: Json = False,
) -> None:
    """Write label maps as a folder of simulated pairs, to judge a model by (`synthnode models evaluate`)."""
    from models.generator.simulation import MEAN_MAP, chosen_contrasts, evaluation_plan, write_mean_map
    from models.generator.simulation import simulate as write

    say = for_people(json)
    with explain_refusals():
        check_writable(out / MEAN_MAP)
        read, named = _recipe(recipe), chosen_contrasts(contrasts)
        still = evaluation_plan(_pair_plan(recipe, read), seed)
        with _split(labels, _held_out(recipe, read), prepared, say) as (trained, judged):
            written = []
            for pair in write(judged(maps) if held_out else trained(maps), still, named, out):
                written.append(pair.patient)
                say(f"{pair.patient}  simulated, {'x'.join(str(n) for n in pair.grid.size)} voxels")
            mean_map = write_mean_map(trained(maps), still, out)
    say(f"{len(written)} simulated pairs and {mean_map.name} in {out}")
    if json:
        typer.echo(as_json({"out": str(out), "patients": written, "mean_map": str(mean_map), "seed": still.seed}))


def labels(
    folder: Annotated[Path, typer.Argument(help="Folder of label maps, perhaps with a labels.yaml.")],
    json: Json = False,
) -> None:
    """List the label maps of a folder and what their labels mean; exit status 1 where one means nothing."""
    from models.anatomy import found_map, map_files

    say = for_people(json)
    with explain_refusals():
        found = [found_map(file) for file in map_files(folder)]
    for one in found:
        say(f"{one.file.name}  {one.scheme}  {one.voxel_mm:g} mm  {len(one.labels)} labels")
        for label in one.labels:
            tissue = label.tissue or "UNKNOWN: give it a tissue in labels.yaml"
            say(f"  {label.number:>5}  {label.name}  {tissue}  {label.millilitres:.1f} ml")
    if json:
        listed = [
            {"file": one.file.name, "scheme": one.scheme, "labels": [asdict(label) for label in one.labels]}
            for one in found
        ]
        typer.echo(as_json({"maps": listed, "unknown": sum(len(one.unknown) for one in found)}))
    if any(one.unknown for one in found):
        raise typer.Exit(1)


def anatomy(
    site: Annotated[str, typer.Argument(help="head, pelvis or spine.")],
    out: Annotated[Path, typer.Option(help="Folder of label maps to write.")],
    count: Annotated[int, typer.Option(help="How many persons.", min=1)] = 10,
    seed: Annotated[int, typer.Option(help="The first person's number.", min=0)] = 0,
    voxel_mm: Annotated[float, typer.Option(help="Side of the voxels.", min=0.5)] = 1.5,
    json: Json = False,
) -> None:
    """Make label maps of bodies by rule and seed, to train from where no labels exist."""
    from models.anatomy.made import write_made

    say = for_people(json)
    with explain_refusals():
        files = write_made(site, range(seed, seed + count), out, voxel_mm)
    say(f"{len(files)} made label maps and a labels.yaml in {out}; no person's anatomy")
    if json:
        typer.echo(as_json({"out": str(out), "maps": [file.name for file in files]}))


def _recipe(file: Path) -> Recipe:
    from models.training.recipe import load_recipe

    return load_recipe(file)


def _pair_plan(file: Path, recipe: Recipe) -> PairPlan:
    return _rendered(file, recipe).pair_plan(recipe.task, recipe.seed)


def _held_out(file: Path, recipe: Recipe) -> int:
    return _rendered(file, recipe).held_out


def _rendered(file: Path, recipe: Recipe) -> RenderedPlan:
    """Return how a recipe renders its samples.

    Raises
    ------
    RecipeError
        ``recipe-not-rendered`` where it takes them from cases.
    """
    from models.errors import RecipeError
    from models.training.data.rendered import RenderedPlan

    if not isinstance(recipe.data, RenderedPlan):
        raise RecipeError(
            "recipe-not-rendered",
            file=str(file),
            found=f"data of kind {recipe.data.kind}",
            accepted="rendered, which is made from label maps",
        )
    return recipe.data


@contextmanager
def _split(folder: Path, held_out: int, kept: Path | None, say: Callable[[str], None]) -> Iterator[tuple[_Maps, _Maps]]:
    """Give the maps that train and the last `held_out`, each as a function of how many are wanted."""
    from models.anatomy import map_files, prepared
    from models.errors import RecipeError

    files = map_files(folder)
    if len(files) <= held_out:
        raise RecipeError("labels-too-few", folder=str(folder), found=len(files), accepted=f"over {held_out}")
    with TemporaryDirectory() as nowhere:
        cache = kept or Path(nowhere)
        hint = f"kept in {kept}" if kept else "thrown away at the end: --prepared DIR keeps them for the next command"

        def about_to(count: int) -> None:
            say(f"Preparing {count} label maps, up to 15 s each; they are {hint}.")

        yield (
            lambda most: prepared(files[:-held_out][:most], cache, about_to),
            lambda most: prepared(files[-held_out:][:most], cache, about_to),
        )
