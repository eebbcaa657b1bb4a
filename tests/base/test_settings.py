"""Settings of the process, errors that keep Python's own kinds, and nested structures."""

from __future__ import annotations

from collections import namedtuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.base import config, errors, trees
from lamina.base.errors import ArgumentError, DTypeError

TREES = st.recursive(
    st.integers() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_floatx():
    config.set_floatx("float64")
    assert config.floatx() == "float64"
    with pytest.raises(ArgumentError, match="floatx must be a float dtype"):
        config.set_floatx("int32")
    with pytest.raises(DTypeError):
        config.set_floatx("no such type")
    assert config.floatx() == "float64"


def test_epsilon_and_layout():
    config.set_epsilon(1e-5)
    assert config.epsilon() == 1e-5
    config.set_image_data_format("channels_first")
    assert config.image_data_format() == "channels_first"
    with pytest.raises(ArgumentError, match="channels_middle"):
        config.set_image_data_format("channels_middle")


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_threads_from_the_environment(monkeypatch, text):
    monkeypatch.setenv("LAMINA_THREADS", "3")
    assert config.Config().threads == 3
    monkeypatch.setenv("LAMINA_THREADS", text)
    with pytest.raises(ArgumentError, match="LAMINA_THREADS must be a whole number"):
        config.Config()


def test_switches_from_the_environment(monkeypatch, tmp_path):
    given_ = {"CACHE": "0", "PLANNER": "0", "POISON": "1", "INTERPRET": "1", "CACHE_DIR": str(tmp_path)}
    for name, value in given_.items():
        monkeypatch.setenv(f"LAMINA_{name}", value)
    fresh = config.Config()
    assert not fresh.cache and not fresh.memory_planner and fresh.poison and fresh.interpret
    assert fresh.cache_dir == tmp_path


@pytest.mark.parametrize(("text", "on"), [("1", True), ("on", True), ("True", True), ("", True), ("no", False)])
def test_words_for_on_and_off(monkeypatch, text, on):
    monkeypatch.setenv("LAMINA_CACHE", text)
    assert config.Config().cache is on


@pytest.mark.parametrize("name", ["CACHE", "PLANNER", "POISON", "WINOGRAD", "INTERPRET"])
def test_a_switch_that_is_neither(monkeypatch, name):
    monkeypatch.setenv(f"LAMINA_{name}", "/tmp/programs")
    with pytest.raises(ArgumentError, match=f"LAMINA_{name} must be 1 .on. or 0 .off.. Received: '/tmp/programs'"):
        config.Config()


def test_the_folder_of_the_cache_has_another_name(monkeypatch):
    monkeypatch.setenv("LAMINA_CACHE", "/tmp/programs")
    with pytest.raises(ArgumentError, match="The folder .* is set by LAMINA_CACHE_DIR"):
        config.Config()


def test_errors_are_also_pythons_own():
    for error, base in {
        errors.ShapeError: ValueError, errors.DTypeError: TypeError, errors.ArgumentError: ValueError,
        errors.UnknownArgumentError: TypeError, errors.ReservedNameError: AttributeError,
        errors.IndexRangeError: IndexError, errors.MissingExtraError: ImportError, errors.TraceError: RuntimeError,
    }.items():  # fmt: skip
        assert issubclass(error, base) and issubclass(error, errors.LaminaError)


@given(TREES)
def test_leaves_go_back_to_where_they_were(tree):
    assert trees.unflatten(tree, trees.flatten(tree)) == tree
    assert trees.map_structure(lambda leaf: leaf, tree) == tree


def test_trees():
    pair = namedtuple("pair", "left right")
    tree = {"b": [1, (2, None)], "a": pair(3, {"x": 4})}
    assert trees.flatten(tree) == [3, 4, 1, 2]
    doubled = trees.map_structure(lambda x, y: x + y, tree, tree)
    assert doubled == {"b": [2, (4, None)], "a": pair(6, {"x": 8})}
    assert isinstance(doubled["a"], pair)
