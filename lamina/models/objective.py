"""What a training is about: the losses and the metrics that `compile` was given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lamina import losses, metrics, ops
from lamina.base.errors import ArgumentError
from lamina.models.output_objective import OutputObjective
from lamina.models.outputs import Outputs


class Objective:
    """The losses and metrics of a model.

    Args:
        loss: a name, `Loss`, function `f(y_true, y_pred)`, for all outputs; or a list or dict with one for each, or
            None for an output without; None when only `add_loss` counts.
        unweighted, weighted: metrics without and with sample weights: names, `Metric`s or functions; of several
            outputs a list or dict with a metric or list of metrics for each.
        loss_weights: factors of the losses.

    Attributes:
        loss: as given, names and functions made into `Loss`es.
        tracker: running mean of the whole loss.
        built: whether names such as `"accuracy"` have been resolved, for which shapes must be known.
    """

    def __init__(self, loss: Any, unweighted: Any = None, weighted: Any = None, loss_weights: Any = None):
        _check_metrics(unweighted, "metrics")
        _check_metrics(weighted, "weighted_metrics")
        self._given = (unweighted, weighted)
        self._loss_weights = loss_weights
        self.loss = _find_losses(loss)
        self.tracker = metrics.Mean(name="loss")
        self._parts: list[OutputObjective] = []
        self._outputs: Outputs | None = None
        self._values: list[Any] | None = None
        self.built = False

    def build(self, targets: Sequence[Any], outputs: Outputs) -> None:
        """Makes the metrics.

        Args:
            targets: the shape of the targets of each output, with the batch; None for an output without.
            outputs: the outputs of the model.
        """
        if self.built:
            return
        found = self._assign(outputs)
        unweighted, weighted = (
            _metrics_of(given, outputs, argument)
            for given, argument in zip(self._given, ("metrics", "weighted_metrics"))
        )
        weights = _weights_of(self._loss_weights, outputs)
        several = len(outputs.names) > 1
        self._parts = [
            OutputObjective(
                found[i], weights[i], unweighted[i], weighted[i], targets[i], outputs.shapes[i],
                name if several else None, outputs.argument(i),
            )
            for i, name in enumerate(outputs.names)
        ]  # fmt: skip
        with_loss = [part for part in self._parts if part.loss is not None]
        if len(with_loss) == 1:
            with_loss[0].tracker = None  # it would say what the whole loss says
        self._outputs = outputs
        self.built = True

    def _assign(self, outputs: Outputs) -> list[Any]:
        """The loss of each output."""
        if not isinstance(self.loss, (list, tuple, dict)):
            return [self.loss] * len(outputs.names)
        return outputs.assigned(self.loss, "loss")

    @property
    def metrics(self) -> list[Any]:
        """The tracker of the loss, those of the losses of several outputs, then the metrics in the order given."""
        return [metric for _, metric in self.named()]

    def named(self) -> list[tuple[str, Any]]:
        """The metrics, each with the name of its result, in the order in which `evaluate` lists them."""
        trackers = [part.tracker for part in self._parts if part.tracker is not None]
        if isinstance(self.loss, dict) and self._outputs is not None and isinstance(self._outputs.structure, dict):
            order = [f"{name}_loss" for name in self.loss]
            trackers.sort(key=lambda t: order.index(t.name) if t.name in order else len(order))
        used: Counter[str] = Counter()
        found = []
        for metrics_of, prefix in (("unweighted", ""), ("weighted", "weighted_")):
            for part in self._parts:
                for metric in getattr(part, metrics_of):
                    found.append((_unique_name(metric.name, part.name, prefix, used), metric))
        if len(self._parts) > 1:
            found.sort(key=lambda pair: pair[0])
        return [(t.name, t) for t in [self.tracker, *trackers]] + found

    def compute_loss(self, y: Any, y_pred: Any, sample_weight: Any, penalties: Sequence[Any]) -> Any:
        """The scalar to minimise: the losses, and the penalties of regularizers and `add_loss`.

        Args:
            y: targets: of several outputs in their structure, None for one without; or None.
            sample_weight: `(batch,)`, or None; of several outputs in their structure.
        """
        self._values = []
        terms = []
        for part, *given in self._each(y, y_pred, sample_weight):
            value = None if part.loss is None else part.value(*given)
            self._values.append(value)
            if value is not None:
                terms.append(value if part.weight is None else value * part.weight)
        terms += penalties
        if not terms:
            raise ArgumentError("There is nothing to minimise: compile() was given no loss, and no layer adds one.")
        total = terms[0]
        for term in terms[1:]:
            total = total + ops.cast(term, total.dtype)
        return total

    def update(self, loss: Any, count: Any, y: Any, y_pred: Any, sample_weight: Any) -> None:
        """Takes the results of a step into the running metrics.

        Args:
            loss: the step's loss; count: how many samples it had.
        """
        self.tracker.update_state(loss, sample_weight=count)
        values = self._values or [None] * len(self._parts)
        self._values = None
        for value, (part, *given) in zip(values, self._each(y, y_pred, sample_weight)):
            part.update(value, count, *given)

    def _each(self, y: Any, y_pred: Any, sample_weight: Any) -> Iterable[tuple[OutputObjective, Any, Any, Any]]:
        """Every output with its targets, predictions and weights."""
        assert self._outputs is not None, "the objective is built before it is used"
        spread = self._outputs.spread
        return zip(self._parts, spread(y), spread(y_pred), spread(sample_weight))

    def reset(self) -> None:
        for metric in self.metrics:
            metric.reset_state()

    def check_labels(self, targets: Sequence[Any]) -> None:
        """Checks that class numbers lie in the range that their output has.

        Args:
            targets: an array, or None, for each output.

        Raises:
            DataError: naming the first row that does not.
        """
        assert self._outputs is not None, "the objective is built before it is used"
        for part, y, shape in zip(self._parts, targets, self._outputs.shapes):
            part.check_labels(y, shape)


def _check_metrics(given: Any, argument: str) -> None:
    if given is not None and not isinstance(given, (list, tuple, dict)):
        raise ArgumentError(
            f"compile(): {argument} must be a list of metrics. Received: {given!r}. Put it into a list: [{given!r}]."
        )


def _find_losses(given: Any) -> Any:
    """Losses for identifiers, in the same structure; a list or dict with one entry stays one."""
    if isinstance(given, Mapping) and "class_name" not in given:
        return {key: _find_losses(item) for key, item in given.items()}
    if isinstance(given, (list, tuple)):
        return [_find_losses(item) for item in given]
    loss = losses.get(given)
    if loss is None or isinstance(loss, losses.Loss):
        return loss
    return losses.LossFunctionWrapper(loss, name=getattr(loss, "__name__", "loss"))


def _metrics_of(given: Any, outputs: Outputs, argument: str) -> list[list[Any]]:
    """The metrics of each output, as flat lists."""
    count = len(outputs.names)
    if not given:
        return [[] for _ in range(count)]
    if count == 1:
        return [_flat(given)]
    if isinstance(given, (list, tuple)) and not isinstance(outputs.structure, dict) and len(given) != count:
        raise ArgumentError(
            f"compile(): {argument} must have one metric or list of metrics for each of the {count} outputs: a list, "
            f"or a dict by name ({', '.join(map(repr, outputs.names))}). Received: {given!r}."
        )
    return [_flat(item) for item in outputs.assigned(given, argument)]


def _flat(given: Any) -> list[Any]:
    """Metrics in nested lists and dicts as one list; a config of a metric is one of them."""
    if isinstance(given, dict) and "class_name" not in given:
        return [m for item in given.values() for m in _flat(item)]
    if isinstance(given, (list, tuple)):
        return [m for item in given for m in _flat(item)]
    return [] if given is None else [given]


def _weights_of(given: Any, outputs: Outputs) -> list[float | None]:
    """The factor of the loss of each output."""
    if given is None:
        return [None] * len(outputs.names)
    if not isinstance(given, (list, tuple, dict)):
        given = [given]
    found = outputs.assigned(given, "loss_weights")
    if not all(w is None or (isinstance(w, (int, float)) and not isinstance(w, bool)) for w in found):
        raise ArgumentError(f"compile(): loss_weights must have one number for each output. Received: {given!r}.")
    return [None if w is None else float(w) for w in found]


def _unique_name(name: str, output: str | None, prefix: str, used: Counter[str]) -> str:
    """The name of a result, with that of its output; with a prefix, then a number, if there is one of that name."""
    before = "" if output is None else f"{output}_"
    full = f"{before}{name}"
    if prefix and full in used:
        full = f"{before}{prefix}{name}"
    used[full] += 1
    return full if used[full] == 1 else f"{full}_{used[full] - 1}"
