"""Every code of this floor has a sentence that a person can act on."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import models
from models import errors
from models.errors import InputError, ModelsError, PackageError
from models.reasons import TEXTS, text

ERRORS = {
    name: kind.code for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)
}


def raised() -> set[tuple[str, frozenset[str]]]:
    """Return the codes that are raised anywhere on this floor, each with the parameters that it has there."""
    found = set()
    for file in Path(models.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ERRORS:
                first = call.args[0] if call.args else ast.Constant(ERRORS[call.func.id])
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add((first.value, frozenset(word.arg for word in call.keywords if word.arg)))
    return found


@pytest.mark.hazard("HAZ-11")
def test_every_code_has_a_sentence_and_every_sentence_a_code() -> None:
    codes = {code for code, _ in raised()} | set(ERRORS.values())
    assert codes - set(TEXTS) == set()
    assert set(TEXTS) - codes == set()


@pytest.mark.hazard("HAZ-11")
@pytest.mark.parametrize(("code", "names"), sorted((code, tuple(sorted(names))) for code, names in raised()))
def test_each_says_all_that_was_found_and_what_helps(code: str, names: tuple[str, ...]) -> None:
    said = text(ModelsError(code, **{name: f"<{name}>" for name in names}))
    for name in names:
        assert f"<{name}>" in said
    assert TEXTS[code].remedy or "remedy" in names, "a sentence without a remedy"


def test_a_sentence_names_what_is_accepted_and_the_errors_own_remedy() -> None:
    assert text(PackageError("card-schema", folder="a", found="1", accepted="3", remedy="pack it again")) == (
        "The card in a is of schema 1. Accepted: 3. Pack it again."
    )


def test_a_parameter_that_no_sentence_foresaw_is_shown() -> None:
    assert text(InputError("input-missing", input="mr", found="ct")) == (
        "The input mr is missing [found ct]. Give it by `--input NAME=FILE`."
    )


@pytest.mark.hazard("HAZ-24")
def test_text_from_outside_is_one_line_that_no_terminal_obeys() -> None:
    said = text(InputError("input-unknown", found="a\x1b[2Jb\nc", accepted="mr"))
    assert said == "The model has no input a\ufffd[2Jb c. Accepted: mr. Name one of these."


def test_an_unknown_code_shows_itself() -> None:
    assert text(ModelsError("from-the-future", found=3)) == "from-the-future found=3"
