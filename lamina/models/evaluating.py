"""How a model is evaluated and asked for predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.callbacks import CallbackList
from lamina.data import ArrayData
from lamina.data.batches import is_batch_source
from lamina.models.arguments import optional_count, refuse_with_batches, verbosity
from lamina.models.epochs import ArrayEpochs, BatchEpochs, BatchHooks, Logs
from lamina.models.program import Program


def evaluation(
    model: Any, parts: Sequence[Any], batch_size: int, steps: Any, callbacks: CallbackList, argument: str
) -> ArrayEpochs | BatchEpochs:
    """An evaluation, ready to be run any number of times.

    Args:
        parts: `(x, y, sample_weight)` or the first of them; x may be batches or checked data.
        argument: what the user calls the data, for errors.
    """
    x, *rest = parts
    steps = optional_count("steps", steps)
    hooks = BatchHooks(callbacks, "test")
    if is_batch_source(x) and not isinstance(x, ArrayData):
        y, sample_weight = [*rest, None, None][:2]
        refuse_with_batches(y=y, sample_weight=sample_weight)
        source = model._source(x, steps, argument)

        def prepare(batch: ArrayData) -> ArrayData:
            return model._ready(model._accept(batch))

        def program_of(batch: ArrayData) -> Program:
            return model._evaluation(batch, whole=False)

        prepare(source.peek())
        return BatchEpochs(model, prepare, program_of, model._read_logs, model.reset_metrics, source, hooks)
    data = model._ready(x if isinstance(x, ArrayData) else model._data(x, *rest))
    return ArrayEpochs(model, model._evaluation(data, whole=True), model._read_logs, data, batch_size, steps, hooks)


def run_evaluation(epochs: ArrayEpochs | BatchEpochs, callbacks: CallbackList) -> Logs:
    """Runs an evaluation and tells the callbacks."""
    callbacks.on_test_begin()
    logs = epochs.run()
    callbacks.on_test_end(logs)
    return logs


def predict(
    model: Any, x: Any, program: Program | None, batch_size: int, verbose: Any, steps: Any, callbacks: Any
) -> Any:
    """`Trainer.predict`, where it takes more than one step or somebody looks on.

    Args:
        x: checked data, with its program; or batches, with None.
    """
    show = verbosity(verbose)
    steps = optional_count("steps", steps)
    told = CallbackList(callbacks, add_progbar=show != 0)
    hooks = BatchHooks(told, "predict")
    epochs: ArrayEpochs | BatchEpochs
    if program is None:
        source = model._source(x, steps, "x")
        program = model._prediction(model._accept(source.peek()))
        epochs = BatchEpochs(model, model._accept, model._prediction, dict, lambda: None, source, hooks)
    else:
        epochs = ArrayEpochs(model, program, dict, x, batch_size, steps, hooks)
    told.set_model(model)
    told.set_params({"verbose": show, "epochs": 1, "steps": epochs.steps})
    model.stop_training = False
    told.on_predict_begin()
    outputs = epochs.run_outputs()
    told.on_predict_end()
    return program.nest(outputs)
