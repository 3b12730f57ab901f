"""Volumes of one series are named and chosen by their headers, whatever the order of the images."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.headers import Header
from pipelines.headers.volumes import VolumeChoice, VolumeName, name_volumes


def headers(*said: dict[str, Any], slices: int = 4) -> list[Header]:
    return [Header.from_attributes(one) for one in said for _ in range(slices)]


def dixon(*words: str, echo: float = 2.4) -> dict[str, Any]:
    return {"ImageType": ["DERIVED", "PRIMARY", *words], "EchoTime": echo}


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("M", "WATER"), VolumeName(dixon="water", part="magnitude", echo_ms=2.4)),
        (("W", "W", "DERIVED"), VolumeName(dixon="water", echo_ms=2.4)),
        (("M_FFE", "M", "FFE"), VolumeName(part="magnitude", echo_ms=2.4)),
        (("IN_PHASE",), VolumeName(dixon="in-phase", echo_ms=2.4)),
        (("OPP_PHASE",), VolumeName(dixon="opposed-phase", echo_ms=2.4)),
        (("P", "ND"), VolumeName(part="phase", echo_ms=2.4)),
        (("WATER", "FAT"), VolumeName(echo_ms=2.4)),  # a word for both says neither
    ],
)
def test_names_come_from_what_scanners_write(words: tuple[str, ...], name: VolumeName) -> None:
    assert list(name_volumes(headers(dixon(*words)))) == [name]


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        (VolumeChoice(dixon="water"), [("water", 2.4)]),
        (VolumeChoice(dixon="in-phase", echo="highest"), [("in-phase", 4.8)]),
        (VolumeChoice(echo="lowest"), [("fat", 2.4), ("water", 2.4)]),
        (VolumeChoice(echo="4.83"), [("in-phase", 4.8)]),
        (VolumeChoice(echo="7"), []),
        (VolumeChoice(dixon="opposed-phase"), []),
        (VolumeChoice(part="magnitude"), []),  # what no header says is not meant
    ],
)
def test_a_choice_is_by_words_first_and_of_these_by_numbers(
    choice: VolumeChoice, found: list[tuple[str, float]]
) -> None:
    names = name_volumes(headers(dixon("WATER"), dixon("FAT"), dixon("IN_PHASE", echo=4.8)))
    assert sorted((str(one.dixon), one.echo_ms) for one in choice.pick(names)) == found


def test_b_values_come_from_the_attribute_or_the_sequences_name() -> None:
    stated = name_volumes(headers({"DiffusionBValue": 0.0}, {"DiffusionBValue": 800.0}))
    named = name_volumes(headers({"SequenceName": "*ep_b0"}, {"SequenceName": "*ep_b800t"}))
    assert [one.b_value for one in stated] == [one.b_value for one in named] == [0.0, 800.0]
    (highest,) = VolumeChoice(b_value="highest").pick(named)
    assert named[highest] == (4, 5, 6, 7)


def test_time_points_are_chosen_by_their_number() -> None:
    names = name_volumes(headers(*[{"TemporalPositionIdentifier": n} for n in (1, 2, 3)]))
    (last,) = VolumeChoice(time="highest").pick(names)
    assert (last.time, names[last]) == (3, (8, 9, 10, 11))


@pytest.mark.hazard("HAZ-07")
@given(
    echoes=st.lists(st.sampled_from([2.0, 5.0, 11.0]), min_size=1, max_size=3, unique=True),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_order_gives_the_same_volumes_and_rounded_echoes_are_one(echoes: list[float], seed: int) -> None:
    chance = random.Random(seed)
    images = [(echo, n) for echo in echoes for n in range(5)]
    chance.shuffle(images)
    found = name_volumes(
        [Header.from_attributes({"EchoTime": echo * (1 + chance.uniform(0, 0.004))}) for echo, _ in images]
    )
    assert len(found) == len(echoes)
    for name, indices in found.items():
        assert {images[index][0] for index in indices} == {min(echoes, key=lambda echo: abs(echo - name.echo_ms))}
        assert len(indices) == 5


def test_a_lone_image_without_the_attribute_is_of_the_others_volume() -> None:
    said = headers({"EchoTime": 2.4}, slices=5)
    said[2] = Header.from_attributes({})
    assert list(name_volumes(said)) == [VolumeName(echo_ms=2.4)]
    assert len(name_volumes([*said, Header.from_attributes({})])) == 2


def test_names_say_what_they_are() -> None:
    name = VolumeName("water", "magnitude", 2.46, 800.0, 3)
    assert name.describe() == "water, magnitude, echo 2.46 ms, b 800 s/mm2, time 3"
    assert VolumeChoice(dixon="water", b_value="lowest").describe() == "water, b lowest"
