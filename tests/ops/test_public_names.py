"""`lamina.ops` offers what its families declare, under one list that a type checker can read."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from lamina import ops
from lamina.ops import image, linalg, nn, numpy

FAMILIES = ["activations", "control", "conversion", "convolution", "creation", "crossentropy", "ctc", "elementwise",
            "indexing", "logic", "normalization", "pooling", "products", "ranking", "reduction", "shaping",
            "statistics", "transcendental"]  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_every_function_of_a_family_is_offered(family):
    module = importlib.import_module(f"lamina.ops.{family}")
    missing = [name for name in module.__all__ if getattr(ops, name, None) is not getattr(module, name)]
    assert missing == []


@pytest.mark.parametrize("module", [ops, linalg, nn, numpy])
def test_lists_of_names_are_whole_and_without_repetition(module):
    assert len(set(module.__all__)) == len(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert set(module.__all__) <= set(ops.__all__)


def test_images_are_a_space_of_names_of_their_own():
    assert ops.image is image and [name for name in image.__all__ if not hasattr(image, name)] == []


def test_families_are_all_the_modules_that_declare_names():
    declaring = {
        name
        for _, name, _ in pkgutil.iter_modules(ops.__path__)
        if hasattr(importlib.import_module(f"lamina.ops.{name}"), "__all__")
    }
    assert declaring - {"image", "linalg", "nn", "numpy", "core"} == set(FAMILIES)
