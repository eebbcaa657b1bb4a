"""compile, fit, evaluate and predict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from lamina import optimizers
from lamina.base.config import config
from lamina.base.errors import ArgumentError
from lamina.base.trees import map_structure
from lamina.callbacks import Callback, CallbackList, History
from lamina.data import ArrayData
from lamina.data.batches import is_batch_source
from lamina.models.arguments import DEFAULT_BATCH_SIZE, check_count, verbosity
from lamina.models.epochs import run_batch
from lamina.models.evaluating import evaluation, predict, run_evaluation
from lamina.models.fitting import Fit
from lamina.models.forms import form_of
from lamina.models.objective import Objective
from lamina.models.outputs import Outputs
from lamina.models.profiling import Profiling
from lamina.models.program import Program, ResultReader
from lamina.models.programs import Builder
from lamina.models.samples import SampleSource, gather
from lamina.models.single_batches import SingleBatches
from lamina.models.stateful import refuse_unbuilt
from lamina.objects import tells_arguments
from lamina.tensor.state import eagerly

Callbacks = Callback | CallbackList | Iterable[Callback] | None


class Trainer(SingleBatches, Profiling):
    """What a model can do as a whole: learn, be measured, predict.

    Attributes:
        optimizer: set by `compile`.
        stop_training: a callback sets it to True to end `fit`.
        history: the `History` of the last `fit`, also of one that was interrupted.
    """

    name: str
    built: bool
    dtype_policy: Any

    def _start_trainer(self) -> None:
        self.optimizer: Any = None
        self.stop_training = False
        self.history: History | None = None
        self._objective: Objective | None = None
        self._interpret: bool | None = None
        self._check_numerics = False
        self._programs: dict[Any, Any] = {}

    # ---- compile ----

    @tells_arguments
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
        check_numerics: bool = False,
    ) -> None:
        """Says how the model learns.

        Args:
            optimizer: an optimizer or its name.
            loss: a loss, its name, or a function `f(y_true, y_pred)`; None when layers add losses themselves. Of a
                model with several outputs one for all, or a list, or a dict by the names of the outputs; None in it
                for an output without.
            loss_weights: factor of the loss, or a list or dict of factors.
            metrics: list of metrics, names or functions to watch; `"accuracy"` chooses the kind by the shapes. Of
                several outputs a list or dict with a metric or a list of metrics for each.
            weighted_metrics: the same, taking sample weights into account.
            run_eagerly: whether to run in the NumPy interpreter, slow but easy to look into.
            check_numerics: whether to look for NaN and infinity at every step, in data, state and outputs. The
                first is undone and reported as a NumericError naming the operation, layer and line.
            auto_scale_loss: whether the optimizer of a model with the dtype policy `"mixed_float16"` is wrapped in a
                `LossScaleOptimizer`; True.
            steps_per_execution, jit_compile: accepted as in Keras, without effect: steps run in one compiled program
                in any case.

        Raises:
            ArgumentError: if a name is unknown.
        """
        found = optimizers.get(optimizer)
        if auto_scale_loss and self.dtype_policy.name == "mixed_float16":
            found = optimizers.scaled(found)
        objective = Objective(loss, metrics, weighted_metrics, loss_weights)
        self.optimizer = found
        self._objective = objective
        self._interpret = True if run_eagerly else None
        self._check_numerics = check_numerics
        self.stop_training = False
        self._programs = {}

    @property
    def compiled(self) -> bool:
        return self._objective is not None

    @property
    def run_eagerly(self) -> bool:
        return self._interpret is True

    @property
    def loss(self) -> Any:
        """The loss that `compile` was given, as a Loss; None before."""
        return None if self._objective is None else self._objective.loss

    @property
    def metrics(self) -> list[Any]:
        """The running metrics, the loss first."""
        return [] if self._objective is None else self._objective.metrics

    @property
    def metrics_names(self) -> list[str]:
        """The names of the results, in the order in which `evaluate` lists them."""
        return [] if self._objective is None else [name for name, _ in self._objective.named()]

    def reset_metrics(self) -> None:
        """Empties the running metrics."""
        if self._objective is not None:
            self._objective.reset()

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The scalar that training minimises; a subclass may override it.

        Args:
            x, y, y_pred, sample_weight: tensors of a batch.
        """
        return self._compiled().compute_loss(y, y_pred, sample_weight, self.losses)  # type: ignore[attr-defined]

    def _compiled(self) -> Objective:
        if self._objective is None:
            raise ArgumentError(
                f"Model {self.name!r} must be compiled before training or evaluation. Call "
                "`model.compile(optimizer=..., loss=...)` first."
            )
        return self._objective

    # ---- fit, evaluate, predict ----

    @tells_arguments
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Trains the model.

        Args:
            x: inputs, one row a sample: array, list, tensor or frame, of several inputs a list or a dict by name; or
                a generator, PyDataset or other iterable of batches `(x, y)` or `(x, y, sample_weight)`. Arrays are
                read in place.
            y: targets, of several outputs a list or a dict by name; None with batches.
            batch_size: rows of a step; 32.
            epochs: the epoch at which to stop, counted from 0; so `initial_epoch` of them were run before.
            verbose: 0 silent, 1 or `"auto"` a progress bar, 2 a line for each epoch.
            callbacks: called during training.
            validation_split: the share of rows, taken from the end before shuffling, to validate on.
            validation_data: `(x, y)`, `(x, y, sample_weight)`, or batches, to validate on.
            shuffle: whether the order of rows is drawn anew for each epoch; of no effect with batches.
            class_weight: dict from class number to its weight in the loss; of steps, `y` is `(rows, steps, 1)`.
            sample_weight: weight of each sample `(rows,)` or step `(rows, steps)`; for all outputs, or as `y`.
            steps_per_epoch: steps of an epoch; None for one pass over the data.
            validation_steps: the same for validation.
            validation_batch_size: `batch_size` when None.
            validation_freq: validate every so many epochs, or after those (counted from 1) in a list.

        Returns:
            A History; its `history` has the list of values of each result.

        Raises:
            DataError: if the data cannot be used; the model is then as it was.
            KeyboardInterrupt: on Ctrl-C; model and `model.history` hold what was reached.
        """
        run = Fit(self, callbacks, verbose, epochs, initial_epoch)
        size = check_count("batch_size", batch_size, DEFAULT_BATCH_SIZE)
        if is_batch_source(x):
            run.train_on_batches(
                x, class_weight, steps_per_epoch,
                y=y, sample_weight=sample_weight, validation_split=validation_split or None,
            )  # fmt: skip
        else:
            split = validation_split if validation_data is None else 0.0
            data = self._data(x, y, sample_weight)
            run.train_on_arrays(data, split, class_weight, size, steps_per_epoch, shuffle)
        size = check_count("validation_batch_size", validation_batch_size, size)
        run.validate_on(validation_data, size, validation_steps, validation_freq)
        return run.start()

    @tells_arguments
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Callbacks = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data, without learning from it.

        Args:
            x, y, batch_size, verbose, sample_weight, callbacks: as in `fit`.
            steps: how many steps at most; None for all data.
            return_dict: whether to return a dict by name.

        Returns:
            The loss, or a list of the loss and the metrics in the order of `compile`, or a dict.
        """
        self._compiled()
        show = verbosity(verbose)
        size = check_count("batch_size", batch_size, DEFAULT_BATCH_SIZE)
        told = CallbackList(callbacks, add_progbar=show != 0, model=self)
        epochs = evaluation(self, (x, y, sample_weight), size, steps, told, "x")
        told.set_params({"verbose": show, "epochs": 1, "steps": epochs.steps})
        self.stop_training = False
        return self._shown(run_evaluation(epochs, told), return_dict)

    @tells_arguments
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Callbacks = None,
    ) -> Any:
        """The model's outputs for every row of the inputs.

        Args:
            x: inputs, or batches of inputs, as in `fit`.
            batch_size: rows of a step; 32.
            verbose: 0 silent, 1 or 2 a progress bar; `"auto"` draws one unless all fits into one step.
            steps: how many steps at most; None for all data.
            callbacks: called during prediction.

        Returns:
            NumPy array of `(rows, ...)`, or several in the structure that the model returns.
        """
        size = check_count("batch_size", batch_size, DEFAULT_BATCH_SIZE)
        if is_batch_source(x):
            return predict(self, x, None, size, verbose, steps, callbacks)
        data = self._data(x)
        program = self._prediction(data)
        if data.rows <= size and callbacks is None and verbose in ("auto", 0):
            return program.nest(run_batch(program, data))
        return predict(self, data, program, size, verbose, steps, callbacks)

    def _shown(self, logs: dict[str, Any], return_dict: bool) -> Any:
        """Results as the user wants them."""
        if return_dict:
            return logs
        first = self._compiled().tracker.name
        order = [first] + [n for n in self._reader().names if n != first]
        values = [logs[name] for name in order]
        return values[0] if len(values) == 1 else values

    # ---- programs ----

    def _data(self, x: Any, y: Any = None, sample_weight: Any = None) -> ArrayData:
        """The user's data, checked against the shape of the model's input."""
        return self._accept(gather(x, y, sample_weight, inputs=self._several_inputs, outputs=self._several_outputs))

    def _source(self, x: Any, steps: int | None, argument: str) -> SampleSource:
        """Batches that the user gave."""
        return SampleSource(x, steps, argument, self._several_inputs, self._several_outputs)

    # Whether lists of arrays are taken for several inputs, or outputs, rather than for rows.
    _several_inputs = True
    _several_outputs = True

    def _accept(self, data: ArrayData) -> ArrayData:
        """The data as the model takes it; raises DataError if it cannot be so."""
        return data

    def _ready(self, data: ArrayData) -> ArrayData:
        """Builds what the data's shapes are needed for, and checks labels; returns the data as the losses take it."""
        objective = self._compiled()
        outputs = self._outputs_for(data)
        targets = outputs.targets(data.y)
        weights = outputs.weights(data.weights, targets)
        objective.build([None if y is None else y.shape for y in targets], outputs)
        objective.check_labels(targets)
        y, weight = outputs.gathered(targets), outputs.gathered(weights)
        return data if y is data.y and weight is data.weights else replace(data, y=y, weights=weight)

    def _outputs_for(self, data: ArrayData) -> Outputs:
        """The outputs for such data, found once for each form of it; builds the model."""
        key = ("output", form_of(data).inputs)
        if key not in self._programs:
            self._build_on(data)
            shapes = self.compute_output_shape(map_structure(_shape_of_any_rows, data.x))  # type: ignore[attr-defined]
            self._programs[key] = Outputs(shapes, getattr(self, "output_names", ()))
        return self._programs[key]

    def _build_on(self, data: ArrayData) -> None:
        """Builds the model by calling it on the first sample."""
        if not self.built:
            refuse_unbuilt(self)
            with eagerly():
                self(data.take(slice(0, 1)).x, training=False)  # type: ignore[operator]

    def _training(self, data: ArrayData, shuffle: bool, whole: bool) -> Program:
        variables = self.trainable_variables  # type: ignore[attr-defined]
        key = ("train", form_of(data), shuffle, whole, tuple(map(id, variables)), config.interpret)
        if key not in self._programs:
            if variables and not self.optimizer.built:
                self.optimizer.build(variables)
            self._programs[key] = self._builder().training(key[1], shuffle, whole)
        return self._programs[key]

    def _evaluation(self, data: ArrayData, whole: bool) -> Program:
        key = ("evaluate", form_of(data), whole, config.interpret)
        if key not in self._programs:
            self._programs[key] = self._builder().evaluation(key[1], whole)
        return self._programs[key]

    def _prediction(self, data: ArrayData) -> Program:
        key = ("predict", form_of(data), config.interpret)
        program = self._programs.get(key)
        if program is None:
            self._build_on(data)
            program = self._programs[key] = self._builder().prediction(key[1])
        return program

    def _builder(self) -> Builder:
        return Builder(self, self._objective, self.optimizer, self._interpret, self._check_numerics)

    def _read_logs(self) -> dict[str, Any]:
        """The running results by name."""
        return self._reader()()

    def _reader(self) -> ResultReader:
        if "results" not in self._programs:
            self._programs["results"] = ResultReader(self._compiled(), self._interpret)
        return self._programs["results"]

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the compiled programs, which are made again when needed."""
        return {**super().__getstate__(), "_programs": {}}  # type: ignore[dict-item]


def _shape_of_any_rows(array: Any) -> tuple[int | None, ...]:
    return (None, *array.shape[1:])
