"""Names, registries and custom objects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lamina import objects
from lamina.base.errors import ArgumentError


class Shape:
    def __init__(self, sides: int = 3):
        self.sides = sides

    def __call__(self) -> int:
        return self.sides

    def get_config(self) -> dict[str, int]:
        return {"sides": self.sides}


def corners(shape: Shape) -> int:
    return shape.sides


@pytest.fixture
def registry() -> objects.Registry:
    return objects.Registry("shape", "tests.shapes", [Shape, corners], {"triangle": Shape})


@pytest.fixture(autouse=True)
def _fresh_names() -> Iterator[None]:
    objects.reset_names()
    yield
    objects.reset_names()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Dense", "dense"), ("Conv2D", "conv2d"), ("PReLU", "p_re_lu"), ("LeakyReLU", "leaky_re_lu"),
        ("SparseCategoricalAccuracy", "sparse_categorical_accuracy"), ("AUC", "auc"), ("InputLayer", "input_layer"),
    ],
)  # fmt: skip
def test_snake_case_as_in_keras(name: str, expected: str) -> None:
    assert objects.snake_case(name) == expected


def test_names_are_numbered() -> None:
    assert [objects.unique_name("Dense") for _ in range(3)] == ["dense", "dense_1", "dense_2"]
    objects.reset_names()
    assert objects.unique_name("Dense") == "dense"


def test_get_by_every_kind_of_identifier(registry: objects.Registry) -> None:
    assert registry.get("triangle").sides == 3
    assert registry.get(Shape).sides == 3
    assert registry.get({"class_name": "Shape", "config": {"sides": 5}}).sides == 5
    assert registry.get("corners") is corners
    assert registry.get(None) is None
    given = Shape(7)
    assert registry.get(given) is given


def test_round_trip(registry: objects.Registry) -> None:
    config = registry.serialize(Shape(4))
    assert config == {
        "module": "tests.shapes", "class_name": "Shape", "config": {"sides": 4}, "registered_name": None,
    }  # fmt: skip
    assert registry.deserialize(config).sides == 4
    assert registry.serialize(corners) == "corners"
    assert registry.deserialize("corners") is corners
    assert registry.deserialize({"class_name": "function", "config": "corners"}) is corners


def test_unknown_name_suggests_one(registry: objects.Registry) -> None:
    with pytest.raises(ArgumentError, match=r"There is no shape 'triangel'. Did you mean 'triangle'"):
        registry.get("triangel")


def test_what_is_no_identifier(registry: objects.Registry) -> None:
    with pytest.raises(ArgumentError, match=r"Expected a shape: a name, a config .* Received: 3 of type int"):
        registry.get(3)


def test_a_lambda_cannot_be_written_down(registry: objects.Registry) -> None:
    with pytest.raises(ArgumentError, match=r"A lambda cannot be serialized as a shape"):
        registry.serialize(lambda x: x)


def test_custom_objects_are_known_inside_of_the_scope(registry: objects.Registry) -> None:
    class Circle(Shape):
        pass

    with objects.custom_object_scope({"Circle": Circle}):
        assert isinstance(registry.get("Circle"), Circle)
    with pytest.raises(ArgumentError, match=r"no shape 'Circle'"):
        registry.get("Circle")


def test_registered_objects_are_found_by_both_names(registry: objects.Registry) -> None:
    @objects.register_serializable("round")
    class Ellipse(Shape):
        pass

    try:
        config = registry.serialize(Ellipse(0))
        assert config["registered_name"] == "round>Ellipse"
        assert isinstance(registry.deserialize(config), Ellipse)
        assert isinstance(registry.get("Ellipse"), Ellipse)
    finally:
        objects.get_custom_objects().pop("round>Ellipse")
