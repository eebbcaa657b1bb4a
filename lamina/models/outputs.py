"""The outputs of a model: their names and shapes, and what belongs to each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.base.errors import ArgumentError, DataError, LaminaError

Shape = tuple[int | None, ...]


class Outputs:
    """The outputs of a model, in order: entries of dicts in the order of their sorted keys.

    Args:
        shapes: the shape of the output; or a list, tuple or dict of shapes.
        names: of the outputs in order, where the model has names for them.

    Attributes:
        structure: as `shapes`, with the number of each output in place of its shape.
        shapes: of the outputs, with the batch.
        names: the keys where the outputs are a dict, else those that were given, else `output_1`, `output_2`, ...
    """

    def __init__(self, shapes: Any, names: Sequence[str] = ()):
        self.shapes: list[Shape] = []
        self._paths: list[tuple[Any, ...]] = []
        self.structure = self._number(shapes, ())
        if isinstance(self.structure, dict):
            self.names = ["/".join(map(str, path)) for path in self._paths]
        elif len(names) == len(self.shapes):
            self.names = list(names)
        else:
            self.names = [f"output_{i + 1}" for i in range(len(self.shapes))]
        self._model_names = list(names)

    def _number(self, shapes: Any, path: tuple[Any, ...]) -> Any:
        if is_shape(shapes):
            self.shapes.append(tuple(shapes))
            self._paths.append(path)
            return len(self.shapes) - 1
        if isinstance(shapes, dict):
            filled = {key: self._number(shapes[key], (*path, key)) for key in sorted(shapes)}
            return {key: filled[key] for key in shapes}
        return [self._number(item, (*path, i)) for i, item in enumerate(shapes)]

    @property
    def single(self) -> bool:
        """Whether the model gives one tensor, in no structure."""
        return self.structure == 0 and isinstance(self.structure, int)

    def argument(self, place: int) -> str:
        """What messages call the targets of an output."""
        return "y" + "".join(f"[{key!r}]" for key in self._paths[place])

    def spread(self, values: Any) -> list[Any]:
        """The value of each output out of the structure of the outputs; None in it, or in its place, for none."""
        if self.single:
            return [values]
        found: list[Any] = []
        for path in self._paths:
            value = values
            for key in path:
                value = value.get(key) if isinstance(value, dict) else None if value is None else value[key]
            found.append(value)
        return found

    def gathered(self, values: Sequence[Any]) -> Any:
        """One value for each output, in the structure of the outputs; None if there are none."""
        if all(value is None for value in values):
            return None
        return values[0] if self.single else _filled(self.structure, values)

    def assigned(self, given: Any, argument: str) -> list[Any]:
        """What was given for each output, in an argument of `compile`.

        Args:
            given: a list in the order of the outputs, a dict by name, or the structure of the outputs.

        Raises:
            ArgumentError: if there is something for an output that does not exist, or too little in a list.
        """
        return self._matched(given, f"compile(): {argument}", ArgumentError)

    def targets(self, y: Any) -> list[Any]:
        """The targets of each output, in the user's data; None for an output without.

        Raises:
            DataError: if there are some for an output that does not exist, or too few in a list.
        """
        return self._matched(y, "y", DataError)

    def weights(self, sample_weight: Any, targets: Sequence[Any]) -> list[Any]:
        """The weights of the samples, or of their steps, for each output that has targets: one array is for all.

        Raises:
            DataError: if there are some for an output that does not exist, or they do not have its first axes.
        """
        if isinstance(sample_weight, (list, tuple, dict)):
            found = self._matched(sample_weight, "sample_weight", DataError)
        else:
            found = [None if y is None else sample_weight for y in targets]
        for weights, shape in zip(found, self.shapes):
            if weights is not None:
                _check_weights(tuple(weights.shape), shape)
        return found

    def _matched(self, given: Any, what: str, error: type[LaminaError]) -> list[Any]:
        if given is None:
            return [None] * len(self.names)
        if isinstance(given, dict):
            return self._by_name(given, what, error)
        if not self.single and _alike(given, self.structure):
            return self.spread(given)
        if not isinstance(given, (list, tuple)):
            given = [given]
        if len(given) != len(self.names):
            raise error(
                f"{what} must have an entry for each of the {len(self.names)} outputs ({', '.join(self.names)}). "
                f"Received: {len(given)}."
            )
        return list(given)

    def _by_name(self, given: dict[str, Any], what: str, error: type[LaminaError]) -> list[Any]:
        if not self.single and _alike(given, self.structure):
            return self.spread(given)
        for names in (self.names, self._model_names):
            if len(names) == len(self.names) and set(given) <= set(names):
                return [given.get(name) for name in names]
        unknown = sorted(set(given) - set(self.names), key=str)
        raise error(
            f"{what} has an entry for {unknown[0]!r}, which is no output. The outputs are: {', '.join(self.names)}."
        )


def _check_weights(found: Shape, output: Shape) -> None:
    """Raises DataError where weights have axes that the output has not."""
    inner = found[1:] if found[1:] != (1,) else ()
    wanted = output[1:]
    if len(inner) > len(wanted) or any(b is not None and a not in (b, 1) for a, b in zip(inner, wanted)):
        raise DataError(
            "sample_weight must have one number for each sample, (rows,), or for each of its steps: the first axes of "
            f"the output, {output}. Received shape: {found}."
        )


def is_shape(value: Any) -> bool:
    """Whether a value is one shape rather than a structure of shapes."""
    return isinstance(value, (tuple, list)) and all(size is None or isinstance(size, int) for size in value)


def _filled(structure: Any, values: Sequence[Any]) -> Any:
    if isinstance(structure, dict):
        return {key: _filled(item, values) for key, item in structure.items()}
    if isinstance(structure, list):
        return [_filled(item, values) for item in structure]
    return values[structure]


def _alike(given: Any, structure: Any) -> bool:
    """Whether a value is nested as the outputs are; dicts may lack entries."""
    if isinstance(structure, dict):
        return isinstance(given, dict) and set(given) <= set(structure) and all(
            _alike(item, structure[key]) for key, item in given.items()
        )  # fmt: skip
    if isinstance(structure, list):
        return (
            isinstance(given, (list, tuple)) and len(given) == len(structure)
            and all(_alike(item, part) for item, part in zip(given, structure))
        )  # fmt: skip
    return isinstance(structure, int)
