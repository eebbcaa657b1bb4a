"""How a model is trained: data in, program chosen, epochs run, callbacks told."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.base.errors import ArgumentError
from lamina.callbacks import CallbackList, History
from lamina.data import ArrayData, BatchSource
from lamina.data.batches import ArrayBatches, is_batch_source
from lamina.models.arguments import check_count, optional_count, refuse_with_batches, verbosity
from lamina.models.epochs import ArrayEpochs, BatchEpochs, BatchHooks
from lamina.models.evaluating import evaluation, run_evaluation
from lamina.random import make_default_seed


class Fit:
    """One call of `fit`.

    Args:
        model: built and compiled as far as it is.
        callbacks: as the user gave them.
        epochs: the epoch at which to stop; first: the one at which to start.

    Attributes:
        held_out: rows that were set aside for validation.
    """

    def __init__(self, model: Any, callbacks: Any, verbose: Any, epochs: Any, first: Any):
        model._compiled()
        self.model = model
        self.verbose = verbosity(verbose)
        self.epochs = check_count("epochs", epochs, 1)
        self.first = check_count("initial_epoch", first, 0, least=0)
        self.callbacks = CallbackList(callbacks, add_history=True, add_progbar=self.verbose != 0)
        self.held_out: ArrayData | None = None
        self._running: ArrayEpochs | BatchEpochs
        self._arrays: ArrayData | None = None
        self._validation: ArrayEpochs | BatchEpochs | None = None
        self._frequency: int | Sequence[int] = 1

    def train_on_arrays(
        self, data: ArrayData, split: float, class_weight: Any, batch_size: int, steps: Any, shuffle: bool
    ) -> None:
        """Chooses arrays to train on.

        Args:
            split: the share of rows to hold out for validation, 0 for none.
            steps: steps of an epoch; None for one pass over the rows.
        """
        if split:
            data, self.held_out = data.split(split)
        steps = optional_count("steps_per_epoch", steps)
        data = self.model._ready(data.weighted(class_weight))
        self._arrays = data
        if steps is not None and steps != -(-data.rows // batch_size):
            self._train_on_source(self.model._source(ArrayBatches(data, batch_size, shuffle), steps, "x"), None)
            return
        program = self.model._training(data, shuffle and data.rows > 1, whole=True)
        program.reseed(make_default_seed())
        hooks = BatchHooks(self.callbacks, "train")
        self._running = ArrayEpochs(self.model, program, self.model._read_logs, data, batch_size, None, hooks)

    def train_on_batches(self, x: Any, class_weight: Any, steps: Any, **given: Any) -> None:
        """Chooses a generator or dataset to train on; `given` are arguments that do not go with one."""
        refuse_with_batches(**given)
        source = self.model._source(x, optional_count("steps_per_epoch", steps), "x")
        self._train_on_source(source, class_weight)

    def _train_on_source(self, source: BatchSource, class_weight: Any) -> None:
        model = self.model

        def prepare(batch: ArrayData) -> ArrayData:
            return model._ready(model._accept(batch).weighted(class_weight))

        def program_of(batch: ArrayData) -> Any:
            return model._training(batch, shuffle=False, whole=False)

        prepare(source.peek())
        hooks = BatchHooks(self.callbacks, "train")
        self._running = BatchEpochs(model, prepare, program_of, model._read_logs, model.reset_metrics, source, hooks)

    def validate_on(self, data: Any, batch_size: int, steps: Any, frequency: Any) -> None:
        """Chooses what to validate on.

        Args:
            data: `(x, y)`, `(x, y, sample_weight)`, batches, or None for what was held out.
            frequency: every so many epochs, or a collection of epochs counted from 1.
        """
        data = self.held_out if data is None else data
        if data is None:
            return
        self._frequency = frequency if not isinstance(frequency, int) else check_count("validation_freq", frequency, 1)
        parts: tuple[Any, ...] = (data,)
        if isinstance(data, list | tuple):
            if not 2 <= len(data) <= 3:
                raise ArgumentError(
                    "validation_data must be (x, y), (x, y, sample_weight) or a dataset of batches. Received: "
                    f"{type(data).__name__} of {len(data)} items."
                )
            parts = tuple(data)
        elif not isinstance(data, ArrayData) and not is_batch_source(data):
            raise ArgumentError(
                "validation_data must be (x, y), (x, y, sample_weight) or a dataset of batches. Received: "
                f"{type(data).__name__}."
            )
        self._validation = evaluation(self.model, parts, batch_size, steps, self.callbacks, "validation_data")

    def start(self) -> History:
        """Trains."""
        model, callbacks = self.model, self.callbacks
        callbacks.set_model(model)
        callbacks.set_params({"verbose": self.verbose, "epochs": self.epochs, "steps": self._running.steps})
        model.stop_training = False
        self._logs: dict[str, Any] = {}
        callbacks.on_train_begin()
        try:
            if isinstance(self._running, ArrayEpochs) and self._validation is None and not callbacks.wants_epochs():
                self._run_at_once(self._running)
            else:
                self._run_by_epoch()
        except KeyboardInterrupt:
            callbacks.on_train_end(self._logs)
            raise
        if model.optimizer is not None and model.optimizer.built:
            model.optimizer.finalize_variable_values(model.trainable_variables)
        callbacks.on_train_end(self._logs)
        self._tell_of_nan()
        return callbacks.history  # type: ignore[return-value]

    def _tell_of_nan(self) -> None:
        """Warns where the loss is NaN because the data has NaN."""
        loss = self._logs.get("loss")
        if self._arrays is None or not isinstance(loss, float) or not math.isnan(loss):
            return
        names = [f"input {i}" for i in range(len(self._arrays.inputs))] if len(self._arrays.inputs) > 1 else ["x"]
        for name, array in zip([*names, "y", "sample_weight"], self._arrays.arrays()):
            wrong = np.isnan(array) if array.dtype.kind == "f" else np.zeros(0, bool)
            if wrong.any():
                row = int(np.argwhere(wrong)[0][0])
                warnings.warn(
                    f"The loss is NaN, as {name} holds NaN: the first in row {row}, {int(wrong.sum())} in all. Remove "
                    "or fill such values (numpy.nan_to_num, or the mean of the column), and make the model anew.",
                    stacklevel=4,
                )
                return

    def _run_at_once(self, running: ArrayEpochs) -> None:
        """All epochs in native code, as nobody looks at any of them."""
        history = self.callbacks.history
        if self.first < self.epochs and history is not None:
            running.run_many(self.epochs - self.first, lambda logs: history.extend(self.first, logs))
            self._logs = {name: values[-1] for name, values in history.history.items() if values}

    def _run_by_epoch(self) -> None:
        callbacks = self.callbacks
        for epoch in range(self.first, self.epochs):
            callbacks.on_epoch_begin(epoch)
            logs = self._running.run()
            if callbacks.params["steps"] is None:
                callbacks.set_params({**callbacks.params, "steps": self._running.steps})
            if self._validation is not None and self._validation_is_due(epoch + 1):
                results = run_evaluation(self._validation, callbacks)
                logs.update((f"val_{name}", value) for name, value in results.items())
            self._logs = logs
            callbacks.on_epoch_end(epoch, logs)
            if self.model.stop_training:
                break

    def _validation_is_due(self, number: int) -> bool:
        if isinstance(self._frequency, int | np.integer):
            return number % self._frequency == 0
        return number in self._frequency
