"""Dtype policies: their names and dtypes, how they are found, and the one of the process."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina as keras
from lamina import dtype_policies, layers, mixed_precision
from lamina.base.errors import ArgumentError


@pytest.mark.parametrize(
    ("name", "compute", "variable"),
    [
        ("mixed_float16", "float16", "float32"),
        ("mixed_bfloat16", "bfloat16", "float32"),
        ("float32", "float32", "float32"),
        ("bfloat16", "bfloat16", "bfloat16"),
        ("int8", "int8", "int8"),
    ],
)
def test_dtypes(name: str, compute: str, variable: str) -> None:
    policy = keras.DTypePolicy(name)
    assert (policy.name, policy.compute_dtype, policy.variable_dtype) == (name, compute, variable)
    assert repr(policy) == f'<DTypePolicy "{name}">'
    assert policy == dtype_policies.get(name) and hash(policy) == hash(dtype_policies.get(name))
    assert policy.quantization_mode is None


@pytest.mark.parametrize(
    "identifier",
    ["float64", np.float64, np.dtype("float64"), keras.DTypePolicy("float64"),
     {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float64"}, "registered_name": None},
     {"class_name": "FloatDTypePolicy", "config": {"name": "float64"}}],
)  # fmt: skip
def test_found_by(identifier: Any) -> None:
    assert dtype_policies.get(identifier) == keras.DTypePolicy("float64")
    assert layers.Dense(1, dtype=identifier).dtype == "float64"


def test_written_and_read() -> None:
    policy = keras.DTypePolicy("mixed_bfloat16")
    config = dtype_policies.serialize(policy)
    assert (config["class_name"], config["config"]) == ("DTypePolicy", {"name": "mixed_bfloat16"})
    assert dtype_policies.deserialize(config) == policy


def test_policy_of_the_process() -> None:
    assert keras.config.dtype_policy() == keras.DTypePolicy("float32")
    keras.config.set_dtype_policy("mixed_float16")
    assert keras.DTypePolicy() == keras.config.dtype_policy() == keras.DTypePolicy("mixed_float16")
    before = layers.Dense(1)
    keras.config.set_dtype_policy(keras.DTypePolicy("bfloat16"))
    assert before.dtype_policy.name == "mixed_float16"
    assert layers.Dense(1).dtype == "bfloat16"
    keras.config.set_dtype_policy(None)
    assert layers.Dense(1).dtype == "float32"


def test_policy_follows_floatx_until_it_is_set() -> None:
    keras.config.set_floatx("float64")
    assert keras.config.dtype_policy().name == "float64"
    keras.config.set_dtype_policy("float32")
    assert layers.Dense(1).dtype == "float32"


def test_older_names() -> None:
    mixed_precision.set_global_policy(mixed_precision.Policy("mixed_bfloat16"))
    assert mixed_precision.global_policy() == mixed_precision.dtype_policy() == keras.config.dtype_policy()
    assert mixed_precision.LossScaleOptimizer is keras.optimizers.LossScaleOptimizer
    assert dtype_policies.FloatDTypePolicy is keras.DTypePolicy


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: keras.DTypePolicy("mixed_float8"),
            "There is no dtype policy 'mixed_float8'. Expected 'mixed_bfloat16'",
        ),
        (lambda: keras.DTypePolicy(16), "name must be a string such as 'mixed_bfloat16' or 'float32'. Received: 16"),
        (lambda: keras.config.set_dtype_policy("half_float"), "There is no dtype policy 'half_float'"),
        (lambda: layers.Dense(1, dtype=object()), "Expected a dtype policy: a name such as"),
        (lambda: dtype_policies.get({"class_name": "Policy7", "config": {}}), "There is no dtype policy 'Policy7'"),
    ],
)
def test_what_is_no_policy(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()
    assert keras.config.dtype_policy().name == "float32"
