"""The targets of the guided search, held to their seeds and to random inputs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stress.fuzz.seeds import SEEDS
from tests.stress.fuzz.targets import TARGETS, packets


@pytest.mark.parametrize(
    ("name", "data"), [(name, data) for name, inputs in SEEDS.items() for data in inputs]
)
def test_each_seed_passes(name: str, data: bytes) -> None:
    TARGETS[name](data)


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, bytes]:
    """A target, and an input to it: two seeds, spliced and damaged."""
    name = draw(st.sampled_from(sorted(TARGETS)))
    seeds = st.sampled_from([seed for seed in SEEDS[name] if len(seed) < 1000])
    data = draw(seeds) + draw(seeds)[draw(st.integers(0, 5)) :]
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(data)))
        junk = draw(st.binary(max_size=3))
        data = data[:place] + junk + data[place + draw(st.integers(0, 3)) :]
    return name, data


@given(mutant=mutants())
def test_damaged_seeds_pass(mutant: tuple[str, bytes]) -> None:
    name, data = mutant
    TARGETS[name](data)


@given(name=st.sampled_from(sorted(TARGETS)), data=st.binary(max_size=200))
def test_any_bytes_pass(name: str, data: bytes) -> None:
    TARGETS[name](data)


def test_the_first_bytes_say_where_the_rest_is_cut() -> None:
    assert packets(b"\x02\x00\x03\x00\x01abcdef") == (b"abcdef", [b"a", b"bc", b"def"])
    assert packets(b"\x00abc") == (b"abc", [b"abc"])
    assert packets(b"") == (b"", [])
