"""The base of layers: weights that are made at the first call, and a function of tensors."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina import dtype_policies, ops, regularizers
from lamina.base import dtypes, trees
from lamina.base.errors import ArgumentError, LaminaError
from lamina.base.policy import DTypePolicy
from lamina.graph.source import source_scope
from lamina.layers import masks, remat, symbolic
from lamina.layers import weights as weighing
from lamina.layers.arguments import (
    call_parameters,
    check_keywords,
    constructor_arguments,
    is_tensor,
    prepare,
)  # fmt: skip
from lamina.layers.building import build_for
from lamina.layers.construction import Constructed, checked_name
from lamina.layers.context import current_training, entered, reading
from lamina.layers.input_spec import InputSpec
from lamina.layers.naming import check_given, naming
from lamina.tensor import Variable


class Layer(Constructed, masks.PassesMasks):
    """A function of tensors with weights of its own.

    A subclass makes what it needs in `__init__`, its weights in `build(input_shape)`, and computes in
    `call(inputs)`. `build` runs once, before the first `call`. A layer that is an attribute (or in a list or
    dict that is one) belongs to this layer, and so do its weights.

    Args:
        activity_regularizer: penalty on the outputs, added to the loss; none.
        trainable: whether training changes the weights; True.
        dtype: a dtype, of weights and computation; or a `DTypePolicy` or its name, such as `"mixed_bfloat16"`; the
            policy of the process, that of `floatx()` unless it was set, when None.
        autocast: whether float inputs and weights are cast to `compute_dtype`; True.
        name: the class name in snake case, numbered, when None.

    Raises:
        ArgumentError: for a keyword that no layer has.
    """

    # Whether a `RematScope` is the business of the layers inside of this one.
    _remat_of_parts = False

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ):
        self._name = checked_name(type(self).__name__, name)
        self._trainable = bool(trainable)
        self._dtype_policy = dtype_policies.get(dtype)
        self._weights: list[Variable] = []
        self._frozen: list[Variable] = []
        self._losses: list[Any] = []
        self._calls: list[symbolic.Call] = []
        self._build_shape: Any = None
        self._input_shape_arg = check_keywords(type(self), kwargs)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.autocast = autocast
        self.built = False
        self.input_spec: Any = None
        self.supports_masking = self._computes_mask()
        self._remat = remat.current_scope()

    # ---- what subclasses write ----

    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs of this shape (a tuple, None for sizes that are not known)."""
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the outputs."""
        raise NotImplementedError(
            f"{self._title()} has no `call(self, inputs)`. Define it in class {type(self).__name__}."
        )

    # ---- calling ----

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the outputs for tensors, arrays or nested lists of numbers; builds the layer at the first call.

        For what an `Input` gives, and what layers and operations made of that, nothing is computed yet: the call
        becomes a part of the models that are made from its outputs.

        Args:
            training: whether this is a training step; what the enclosing layer call says when None.

        Raises:
            ShapeError: if an input does not have the shape that the layer was built for.
        """
        if "_name" not in self.__dict__:
            raise LaminaError(
                f"{type(self).__name__}.__init__() did not call `super().__init__()`. Make that its first line."
            )
        if symbolic.is_symbolic(args, kwargs):
            return symbolic.call(self, args, kwargs)
        arrived = self._arrived(args, kwargs)
        args, kwargs, training = self._arguments(args, {**kwargs, **arrived.arguments})
        with naming(self, args, kwargs), source_scope(self._name), entered(training) as outermost:
            if outermost:
                self._clear_losses()
            self._prepare_call(args, kwargs)
            with reading(self):
                outputs = remat.call(self, args, kwargs)
            if self.activity_regularizer is not None:
                for output in trees.flatten(outputs):
                    self.add_loss(weighing.activity_penalty(self.activity_regularizer, output))
            self._pass_on(arrived, args, kwargs, outputs)
        return outputs

    def _arguments(self, args: Any, kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any], bool | None]:
        """Arguments as tensors, and whether this is training."""
        parameters = call_parameters(type(self).call)
        cast = self.compute_dtype if self.autocast and dtypes.is_float(self.compute_dtype) else None
        args = tuple(prepare(a, cast) for a in args)
        kwargs = {key: prepare(value, cast) for key, value in kwargs.items()}
        training = kwargs.get("training")
        if "training" not in parameters:
            kwargs.pop("training", None)
            return args, kwargs, training
        position = list(parameters).index("training")
        if position < len(args):
            return args, kwargs, args[position]
        if training is None:
            training = current_training()
        if training is None:
            training = parameters["training"].default
            training = None if training is inspect.Parameter.empty else training
        kwargs["training"] = training
        return args, kwargs, training

    def _prepare_call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Checks the inputs, and builds the layer if that is to be done."""
        self._check_inputs(args, kwargs)
        if not self.built:
            check_given(self, args, kwargs)
            build_for(self, args, kwargs)

    def _check_inputs(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        if self.input_spec is None:
            return
        first = args[0] if args else next(iter(kwargs.values()), None)
        tensors = [t for t in trees.flatten(first) if is_tensor(t)]
        specs = self.input_spec if isinstance(self.input_spec, (list, tuple)) else [self.input_spec]
        if len(specs) != len(tensors):
            raise ArgumentError(
                f"{self._title()} takes {len(specs)} input(s). Received: {len(tensors)}. A layer before it that gives "
                "several (return_state=True, merge_mode=None) needs Model(inputs, outputs), where one is chosen."
            )
        for i, (spec, tensor) in enumerate(zip(specs, tensors, strict=True)):
            if isinstance(spec, InputSpec):
                spec.check(tensor, self._title(), i)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for an input of this shape, None for sizes that are not known.

        Found by calling the layer on inputs without values; a subclass may say it directly instead.
        """
        return weighing.output_shape(self, input_shape)

    # ---- weights ----

    def add_weight(
        self,
        shape: Sequence[int | None] | int | None = None,
        initializer: Any = None,
        dtype: str | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str | None = None,
        layout: Any = None,
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Makes a weight of this layer.

        Args:
            shape: its shape; a scalar when None.
            initializer: its first value; `"glorot_uniform"` for floats, zeros for others when None.
            dtype: the layer's when None.
            trainable: whether training changes it; True.
            regularizer: penalty on it; none.
            constraint: projection of it after each update; none.
            name: `"variable"` when None.
            autocast: whether `call` reads it as the dtype in which the layer computes; True.
            aggregation, layout, overwrite_with_gradient: accepted as in Keras, without effect here.
        """
        if "_name" not in self.__dict__:
            raise LaminaError(f"{type(self).__name__}: call `super().__init__()` before `add_weight()`.")
        variable = weighing.make(
            self._name, shape, initializer, dtypes.canonical(dtype) if dtype else self.variable_dtype, trainable, name
        )
        variable.autocast = autocast
        weighing.attach(variable, regularizer, constraint)
        self._weights.append(variable)
        if not self._trainable and variable.trainable:
            self._frozen.append(variable)
            variable.trainable = False
        return variable

    def sublayers(self, recursive: bool = True) -> list[Layer]:
        """Layers that are attributes of this one (or in lists, tuples or dicts that are), in order.

        Args:
            recursive: whether theirs are included too, each after its owner; True.
        """
        return weighing.sublayers(self, recursive)

    @property
    def variables(self) -> list[Variable]:
        """All state: weights, and the state of random generators."""
        return weighing.variables(self, include_generators=True)

    @property
    def weights(self) -> list[Variable]:
        """The weights of this layer and the layers in it: each layer's trainable ones, then its others."""
        return weighing.variables(self, include_generators=False)

    @property
    def trainable_weights(self) -> list[Variable]:
        return [v for v in self.weights if v.trainable] if self._trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [v for v in self.weights if not v.trainable] if self._trainable else self.weights

    @property
    def trainable_variables(self) -> list[Variable]:
        return [v for v in self.variables if v.trainable] if self._trainable else []

    @property
    def non_trainable_variables(self) -> list[Variable]:
        return [v for v in self.variables if not v.trainable] if self._trainable else self.variables

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights. Setting it also sets it for the layers inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        if value:
            for variable in self._frozen:
                variable.trainable = True
            self._frozen = []
        else:
            now = [v for v in weighing.own_variables(self) if v.trainable]
            self._frozen += now
            for variable in now:
                variable.trainable = False
        for layer in self.sublayers(recursive=False):
            layer.trainable = value

    def count_params(self) -> int:
        """The number of values in all weights.

        Raises:
            LaminaError: if the layer is not built yet.
        """
        if not self.built and not self.weights:
            raise LaminaError(f"{self._title()} has no weights yet: call it on data, or `build(input_shape)`, first.")
        return sum(int(np.prod(v.shape)) for v in self.weights)

    def get_weights(self) -> list[np.ndarray]:
        """The values of all weights, as copies, in the order of `weights`."""
        return [np.array(v.numpy(), copy=True) for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets the values of all weights, in the order of `get_weights()`; all or none.

        Raises:
            ArgumentError: if the number of arrays is not that of the weights.
            ShapeError: if an array does not have its weight's shape.
        """
        weighing.set_values(self._title(), self.weights, weights)

    # ---- losses ----

    def add_loss(self, loss: Any) -> None:
        """Adds a scalar tensor (or a list of them), computed in `call`, to the loss of training."""
        for item in trees.flatten(loss):
            self._losses.append(ops.convert_to_tensor(item))

    @property
    def losses(self) -> list[Any]:
        """Scalars to add to the loss: those added in the last call, and the penalties on trainable weights."""
        added = [loss for layer in [self, *self.sublayers()] for loss in layer._losses]
        return added + weighing.penalties(self.trainable_weights)

    def _clear_losses(self) -> None:
        for layer in [self, *self.sublayers()]:
            layer._losses.clear()

    # ---- description ----

    @property
    def input(self) -> Any:
        """The symbolic tensor, or the structure of them, of the first call on such; also the model's, for a model."""
        made = self._first_call("input")
        return made.args[0] if made.args else next(iter(made.kwargs.values()), made.outputs)

    @property
    def output(self) -> Any:
        """The symbolic tensor, or the structure of them, that the first call on such gave."""
        return self._first_call("output").outputs

    def _first_call(self, wanted: str) -> symbolic.Call:
        if not self._calls:
            raise ArgumentError(
                f"{self._title()} has no {wanted}: it was never called on a symbolic tensor. Call it on an "
                "`Input(...)`, or on what another layer gave for one."
            )
        return self._calls[0]

    @property
    def dtype_policy(self) -> DTypePolicy:
        """In which dtypes the layer computes and keeps its weights; a name can be assigned before it is built."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        self._dtype_policy = dtype_policies.get(value)

    @property
    def compute_dtype(self) -> str:
        """The dtype of the computation and the outputs."""
        return self._dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the weights."""
        return self._dtype_policy.variable_dtype

    dtype = variable_dtype

    def get_config(self) -> dict[str, Any]:
        """The arguments that make a layer like this one.

        A class that does not define it gets the arguments of its own constructor, where those are plain values.
        """
        config: dict[str, Any] = {"name": self._name, "trainable": self._trainable, "dtype": self._dtype_policy.name}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if type(self).get_config is Layer.get_config:
            config.update(constructor_arguments(self, config))
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """A new layer from what `get_config()` gave; its weights are made anew."""
        return cls(**config)

    def get_build_config(self) -> dict[str, Any] | None:
        """The shape for which the layer was built, or None."""
        return None if self._build_shape is None else {"input_shape": self._build_shape}

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Builds for the shape that `get_build_config()` gave."""
        if config and not self.built:
            self.build(config["input_shape"])

    def __getstate__(self) -> dict[str, Any]:
        """Everything but symbolic tensors and the calls on them, which a model makes again."""
        made = self.__dict__["_constructor_call"]
        kept = ((), {}) if symbolic.symbolic_tensors(made) else made
        return {**self.__dict__, "_calls": [], "_constructor_call": kept}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self._name}, built={self.built}>"
