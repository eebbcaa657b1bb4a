"""A cell run over the steps of sequences, as one loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamina import ops
from lamina.base import trees
from lamina.base.dims import Dimension
from lamina.base.errors import ShapeError
from lamina.tensor import Tensor, Trace
from lamina.tensor.state import state as tracing

Step = Callable[[Any, Any], tuple[Any, Any]]


class Loop:
    """How a cell is run over sequences.

    Args:
        owner: what messages call the layer.
        step: takes the inputs of a step and the states, gives an output and the new states.
        output_dims: the shape of an output, with the batch; output_dtype: its dtype.
        output_state: which of the states, flattened, is the output too; None where that is not known.
        go_backwards: whether the last step comes first.
        all_outputs: whether the outputs of all steps are wanted, or that of the last one.
        zero_masked: whether the output of a masked step is zero, instead of that of the step before.
        recompute: whether only the states before each step are kept for the gradient.
    """

    def __init__(
        self,
        owner: str,
        step: Step,
        output_dims: Sequence[Dimension],
        output_dtype: str,
        output_state: int | None,
        go_backwards: bool,
        all_outputs: bool,
        zero_masked: bool,
        recompute: bool = False,
    ):
        self.owner = owner
        self.step = step
        self.output_dims = tuple(output_dims)
        self.output_dtype = output_dtype
        self.output_state = output_state
        self.go_backwards = go_backwards
        self.all_outputs = all_outputs
        self.zero_masked = zero_masked
        self.recompute = recompute

    def run(self, sequences: Any, states: Any, mask: Any = None) -> tuple[Any, Any]:
        """The outputs, `(batch, steps, ...)` in the order in which they came to be, or the last one; the last states.

        Args:
            sequences: `(batch, steps, ...)`.
            states: a structure of tensors with the batch as first axis.
            mask: bools `(batch, steps)`, False for steps to skip.
        """
        if self.output_state is None and (mask is not None or not self.all_outputs):
            self.output_state = self._output_state(sequences, states)
        zero_masked = self.zero_masked and mask is not None
        carried = not self.all_outputs or (mask is not None and not zero_masked)
        last = () if not carried or (self.output_state is not None and not zero_masked) else self._nothing()
        steps = {"x": _time_first(sequences)} | ({} if mask is None else {"mask": _time_first(mask)})
        (states, last), outputs = ops.scan(
            self._body, (states, last), steps, reverse=self.go_backwards, recompute=self.recompute
        )
        if self.all_outputs:
            outputs = _time_first(outputs)
            return (ops.flip(outputs, axis=1) if self.go_backwards else outputs), states
        if self.output_state is not None and _is_empty(last):
            last = trees.flatten(states)[self.output_state]
        return last, states

    def _body(self, carry: Any, entry: Any) -> Any:
        states, last = carry
        output, found = self.step(entry["x"], states)
        before, after = trees.flatten(states), self._checked(states, found)
        shown = _place(output, trees.flatten(found))
        if "mask" in entry:
            counts = entry["mask"]
            after = [_choose(counts, new, old) for new, old in zip(after, before)]
            if self.zero_masked:
                output = _choose(counts, output, ops.zeros((), output.dtype))
            else:
                output = _choose(counts, output, last if shown is None else before[shown])
        last = last if _is_empty(last) else ops.cast(output, self.output_dtype)
        return (trees.unflatten(states, after), last), output if self.all_outputs else None

    def _checked(self, states: Any, found: Any) -> list[Any]:
        """The new states as a list, in the dtypes of the old ones."""
        before, after = trees.flatten(states), [ops.convert_to_tensor(s) for s in trees.flatten(found)]
        if [tuple(s.dims) for s in before] != [tuple(s.dims) for s in after]:
            raise ShapeError(
                f"{self.owner}: the cell must give states of the shapes that it takes, "
                f"{[tuple(s.shape) for s in before]}, which follow from its state_size. Received: "
                f"{[tuple(s.shape) for s in after]}."
            )
        return [ops.cast(new, old.dtype) for new, old in zip(after, before)]

    def _nothing(self) -> Any:
        return ops.zeros(self.output_dims, self.output_dtype)

    def _output_state(self, sequences: Any, states: Any) -> int | None:
        """Which of the new states is the output, found by trying the cell on tensors without values."""
        if tracing.trace is None:
            return None
        trial = Trace()
        with trial.stage("cell"):
            x = trial.input((sequences.dims[0], *sequences.dims[2:]), sequences.dtype, "x")
            old = trees.map_structure(lambda s: trial.input(s.dims, s.dtype, "state"), states)
            output, found = self.step(x, old)
            return _place(output, trees.flatten(found))


def _place(output: Any, states: Sequence[Any]) -> int | None:
    """Where in a list of states the output is."""
    return next((i for i, s in enumerate(states) if s is output), None)


def _is_empty(last: Any) -> bool:
    return isinstance(last, tuple)


def _time_first(x: Any) -> Any:
    """With the first two axes, batch and time, exchanged."""
    return ops.transpose(x, (1, 0, *range(2, len(x.dims))))


def _choose(counts: Any, new: Any, old: Any) -> Any:
    """`new` where a sample's step counts, otherwise `old`."""
    return ops.where(ops.reshape(counts, (counts.dims[0], *[1] * (len(new.dims) - 1))), new, old)


def step_mask(owner: str, mask: Any, sequences: Any) -> Tensor:
    """A mask as bools `(batch, steps)`: a step counts if any value of its mask is not 0.

    Raises:
        ShapeError: if the mask does not begin with the batch and the steps of the sequences.
    """
    mask = ops.cast(ops.convert_to_tensor(mask), "bool")
    if len(mask.dims) < 2 or tuple(mask.dims[:2]) != tuple(sequences.dims[:2]):
        raise ShapeError(
            f"{owner}: mask must be (batch, steps), as the sequences are. Received: mask shape {tuple(mask.shape)}, "
            f"sequences of shape {tuple(sequences.shape)}."
        )
    return ops.any(mask, axis=tuple(range(2, len(mask.dims)))) if len(mask.dims) > 2 else mask
