"""Time of one decision with its explanation: 100 rules of 5 conditions over a study of 30 series.

Run ``python -m benchmarks.rules``; ``--quick`` takes three rounds. Timed are the decision, the explanation and its
JSON as the database keeps it, from the facts of the series on; the rules are compiled before, as a node does once a
version. One rule set has 500 distinct conditions, 50 of them regular expressions, the other draws on 40.

The peer answers the same conditions for the same series as compiled Python, verdicts alone: no types, no explanation.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import CodeType
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from node.rules import Decision, RuleSet, SeriesFacts, StudyFacts, decide, load_ruleset
from node.rules.explanation import explain
from pipelines.installed import declarations

PIPELINE = "synthetic-ct-head"
RULES, PER_RULE, SERIES, ROUNDS = 100, 5, 30, 15

_PARTS = ("HEAD", "NECK", "PELVIS", "ABDOMEN", "LSPINE", "EXTREMITY", "CHEST", "BREAST", "HEART", "SPINE")


@dataclass(frozen=True, slots=True)
class Asked:
    """One condition, as CEL and as the same in Python."""

    cel: str
    python: str


def main() -> None:
    """Measure, print the table, and print the JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three rounds")
    rounds = 3 if parser.parse_args().quick else ROUNDS

    study = thirty_series()
    distinct = conditions(RULES * PER_RULE)
    every, few = rule_set(distinct), rule_set(distinct[:: len(distinct) // 40][:40])
    load_before = os.getloadavg()[0]
    decided, decided_few = decide(every, study), decide(few, study)
    explanation = json.dumps(explain(decided))
    before = time.process_time()
    ms = timed(lambda: json.dumps(explain(decide(every, study))), rounds)
    ms_processor = 1000 * (time.process_time() - before) / rounds
    ms_few = timed(lambda: json.dumps(explain(decide(few, study))), rounds)
    ms_decide = timed(lambda: decide(every, study), rounds)
    plain = [compile(one.python, "<condition>", "eval") for one in distinct]
    values = [series_values(decided, place) for place in range(SERIES)]
    ms_python = timed(lambda: [[answer(code, seen) for code in plain] for seen in values], rounds)
    agree(decided, distinct, plain, values)
    show({"500 distinct": ms, "of it without the explanation": ms_decide, "40 distinct": ms_few, "Python": ms_python})
    print(
        json.dumps(
            {
                "schema": 1,
                "benchmark": "rules",
                "ms": statistics.median(ms),
                "ms_distinct_40": statistics.median(ms_few),
                "ms_best": min(ms),
                "ms_processor": round(ms_processor, 1),
                "ms_without_explanation": statistics.median(ms_decide),
                "ms_python_verdicts_only": statistics.median(ms_python),
                "ratio_to_python": round(statistics.median(ms_decide) / statistics.median(ms_python), 2),
                "explanation_kilobytes": round(len(explanation) / 1000),
                "rules": RULES,
                "series": SERIES,
                "distinct": [judged_once(decided), judged_once(decided_few)],
                "rounds": rounds,
                "cores": os.cpu_count(),
                "load_average": [round(load_before, 2), round(os.getloadavg()[0], 2)],
                "python": platform.python_version(),
                "common_expression_language": version("common-expression-language"),
            }
        )
    )


def conditions(count: int) -> list[Asked]:
    """Return conditions of the kinds that sites write, all of them different."""
    kinds: list[Callable[[int], Asked]] = [
        lambda n: Asked(f"EchoTime < {n / 10}", f"EchoTime < {n / 10}"),
        lambda n: Asked(f'"K{n}" in ImageType', f'"K{n}" in ImageType'),
        lambda n: Asked(
            f'body_part == "{_PARTS[n % 10]}" && RepetitionTime > {n}',
            f'body_part == "{_PARTS[n % 10]}" and RepetitionTime > {n}',
        ),
        lambda n: Asked(f"instance_count >= {n}", f"instance_count >= {n}"),
        lambda n: Asked(
            f'SeriesDescription.matches("(?i)protocol {n}")', f're.search("(?i)protocol {n}", SeriesDescription)'
        ),
        lambda n: Asked(f"!(FlipAngle in [{n}.0, {n + 1}.0])", f"FlipAngle not in [{n}.0, {n + 1}.0]"),
        lambda n: Asked(f'SeriesDescription.contains("t{n}")', f'"t{n}" in SeriesDescription'),
        lambda n: Asked(f"InversionTime > {n}", f"InversionTime > {n}"),
        lambda n: Asked(
            f'weighting == "T1" || SliceThickness <= {n / 100}', f'weighting == "T1" or SliceThickness <= {n / 100}'
        ),
        lambda n: Asked(f"PixelSpacing[0] * {n} < 200.0", f"PixelSpacing[0] * {n} < 200.0"),
    ]
    return [kinds[number % len(kinds)](number) for number in range(count)]


def rule_set(asked: Sequence[Asked]) -> RuleSet:
    """Return rules of five conditions, drawn in turn from those that are asked."""
    drawn = [asked[number % len(asked)].cel for number in range(RULES * PER_RULE)]
    rules = [
        {
            "name": f"rule-{number}",
            "pipeline": PIPELINE,
            "slots": {"t1": {"where": drawn[number * PER_RULE : (number + 1) * PER_RULE]}},
            "destinations": "all",
        }
        for number in range(RULES)
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yaml"
        file.write_text(yaml.safe_dump({"schema": 1, "rules": rules}))
        return load_ruleset(file, pipelines=declarations(), destinations=())


def thirty_series() -> StudyFacts:
    """Return a study of thirty series, no two with the same header."""
    return StudyFacts("1.2.3", "SCANNER", "SYNTHNODE", tuple(_series(number) for number in range(SERIES)))


def _series(number: int) -> SeriesFacts:
    header: dict[str, Any] = {
        "Modality": "MR",
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4",
        "ImageType": ["ORIGINAL", "PRIMARY", "M", f"K{number * 10 + 1}", "NORM"],
        "BodyPartExamined": _PARTS[number % 10],
        "SeriesDescription": f"t{number} mprage sag protocol {number * 10 + 4}",
        "ScanningSequence": ["GR", "IR"],
        "MRAcquisitionType": "3D",
        "RepetitionTime": 100.0 + 17 * number,
        "EchoTime": 2.0 + number,
        "FlipAngle": float(number),
        "SliceThickness": 1.0 + number / 10,
        "PixelSpacing": [0.5 + number / 20, 0.5 + number / 20],
        "ImageOrientationPatient": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    }
    if number % 3:
        header["InversionTime"] = 10.0 * number
    return SeriesFacts(f"1.2.3.{number}", header, 20 + 11 * number)


def series_values(decision: Decision, place: int) -> dict[str, Any]:
    """Return what the conditions saw of a series, as the peer takes it."""
    return {**decision.rules[0].slots[0].series[place].about.values, "re": re}


def answer(code: CodeType, values: dict[str, Any]) -> bool | None:
    """Return what a condition comes to in Python, None where a value is missing."""
    try:
        return bool(eval(code, {"__builtins__": {}}, values))
    except NameError:
        return None


def agree(
    decision: Decision, asked: Sequence[Asked], plain: Sequence[CodeType], values: Sequence[dict[str, Any]]
) -> None:
    """Check that the peer says the same of every series."""
    names = {True: "true", False: "false", None: "unknown"}
    for place, seen in enumerate(values):
        judgements = decision.rules[0].slots[0].series[place].about.judgements
        for one, code in zip(asked, plain, strict=True):
            found = judgements[one.cel, False].verdict.value
            if found != names[answer(code, seen)]:
                raise SystemExit(f"{one.cel} is {found} here and {names[answer(code, seen)]} in Python")


def judged_once(decision: Decision) -> int:
    """Return how many conditions of rules a series was asked, each of them once."""
    return sum(not built_in for _, built_in in decision.rules[0].slots[0].series[0].about.judgements)


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Return milliseconds of each round."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(round(1000 * (time.perf_counter() - began), 1))
    return taken


def show(measured: dict[str, list[float]]) -> None:
    """Print the table."""
    table = Table(title=f"{RULES} rules of {PER_RULE} conditions, {SERIES} series, in ms")
    for heading in ("what", "median", "least", "most"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for name, ms in measured.items():
        table.add_row(name, f"{statistics.median(ms):.0f}", f"{min(ms):.0f}", f"{max(ms):.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
