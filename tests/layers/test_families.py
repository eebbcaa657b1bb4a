"""All layers are found where Keras has them, by name and from configs, and importing them is put off."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import lamina
from lamina import layers
from lamina.base.errors import ArgumentError


@pytest.mark.parametrize("family", sorted(layers._FAMILIES))
def test_every_layer_of_a_family_is_a_layer_of_lamina(family):
    module = importlib.import_module(f"lamina.layers.{family}")
    assert set(layers._FAMILIES[family].split()) == set(module.__all__)
    for name in module.__all__:
        assert getattr(layers, name) is getattr(module, name) and name in dir(layers)


def test_every_name_is_there():
    assert len(set(layers.__all__)) == len(layers.__all__)
    for name in layers.__all__:
        assert getattr(layers, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Convolve'"):
        _ = layers.Convolve


@pytest.mark.parametrize(
    ("name", "config", "kind"),
    [
        ("Conv2D", {"filters": 2, "kernel_size": 3}, "Conv2D"), ("MaxPool2D", {}, "MaxPooling2D"),
        ("batch_normalization", {}, "BatchNormalization"), ("Add", {}, "Add"), ("Dropout", {"rate": 0.5}, "Dropout"),
    ],
)  # fmt: skip
def test_from_configs(name, config, kind):
    layer = layers.deserialize({"class_name": name, "config": config})
    assert type(layer).__name__ == kind


def test_an_unknown_layer():
    with pytest.raises(ArgumentError, match=r"no layer 'Conv2'\. Did you mean.*conv2d"):
        layers.deserialize({"class_name": "Conv2", "config": {}})


def test_families_are_imported_when_needed():
    code = (
        "import sys, lamina.layers as layers\n"
        "loaded = lambda: sorted(f for f in layers._FAMILIES if f'lamina.layers.{f}' in sys.modules)\n"
        "print(loaded()); layers.Add; print(loaded())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split("\n")[:2] == ["[]", "['merging']"]


def test_names_that_are_not_there():
    """Python shows the most similar name where an AttributeError has what was asked for, and of what."""
    for module, wrong, right in ((layers, "LSTMM", "LSTM"), (lamina, "optimisers", "optimizers")):
        with pytest.raises(AttributeError, match=f"has no attribute '{wrong}'") as found:
            getattr(module, wrong)
        assert (found.value.name, found.value.obj) == (wrong, module) and right in dir(module)
