"""`import lamina as keras`: the names that a Keras script uses are where it looks for them."""

from __future__ import annotations

import importlib.metadata
import inspect

import numpy as np
import pytest

import lamina as keras
from lamina.version import __version__

FACE = {
    "": "Sequential Input Model Layer Variable layers activations initializers losses metrics optimizers callbacks ops "
    "random datasets utils models config Tensor KerasTensor GradientTape function debug remat RematScope",
    "layers": "Dense Activation Flatten Reshape Dropout Rescaling Layer Input Conv1D Conv2D Conv3D Conv2DTranspose "
    "SeparableConv2D DepthwiseConv2D MaxPooling2D MaxPool2D AveragePooling2D GlobalAveragePooling2D GlobalMaxPooling2D "
    "BatchNormalization LayerNormalization GroupNormalization RMSNormalization UnitNormalization SpectralNormalization "
    "SpatialDropout2D GaussianNoise GaussianDropout AlphaDropout ZeroPadding2D Cropping2D UpSampling2D Add Subtract "
    "Multiply Average Maximum Minimum Concatenate Dot add subtract multiply average maximum minimum concatenate dot",
    "models": "Model Sequential clone_model",
    "activations": "relu sigmoid tanh softmax gelu elu selu softplus softsign linear get",
    "initializers": "Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal GlorotUniform GlorotNormal "
    "HeNormal HeUniform LecunNormal Orthogonal get",
    "optimizers": "Optimizer SGD Adam AdamW RMSprop Adagrad schedules get",
    "losses": "Loss MeanSquaredError MeanAbsoluteError Huber BinaryCrossentropy CategoricalCrossentropy "
    "SparseCategoricalCrossentropy get",
    "metrics": "Metric Mean Accuracy BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy "
    "TopKCategoricalAccuracy MeanSquaredError MeanAbsoluteError BinaryCrossentropy CategoricalCrossentropy "
    "SparseCategoricalCrossentropy get",
    "callbacks": "Callback History EarlyStopping LambdaCallback CSVLogger TerminateOnNaN LearningRateScheduler "
    "ReduceLROnPlateau",
    "ops": "add subtract multiply divide matmul einsum reshape transpose concatenate stack sum mean var max min "
    "argmax exp log tanh sqrt where take one_hot softmax relu sigmoid cast convert_to_tensor",
    "random": "uniform normal truncated_normal randint shuffle dropout SeedGenerator",
    "utils": "set_random_seed to_categorical",
}


@pytest.mark.parametrize("name", [f"{module}.{name}" for module, names in FACE.items() for name in names.split()])
def test_name_is_where_keras_has_it(name):
    module, _, inner = name.partition(".")
    assert hasattr(getattr(keras, module) if module else keras, inner)


SIGNATURES = {
    "layers.Dense": "units activation=None use_bias=True kernel_initializer='glorot_uniform' bias_initializer='zeros'",
    "layers.Dropout": "rate noise_shape=None seed=None",
    "layers.Rescaling": "scale offset=0.0",
    "layers.Concatenate": "axis=-1",
    "layers.Dot": "axes normalize=False",
    "layers.Input": "shape=None batch_size=None dtype=None sparse=None ragged=None batch_shape=None name=None "
    "tensor=None optional=False",
    "models.clone_model": "model input_tensors=None clone_function=None call_function=None recursive=False",
    "Model.summary": "line_length=None positions=None print_fn=None expand_nested=False show_trainable=False "
    "layer_range=None",
    "RematScope": "mode='full' output_size_threshold=1024 layer_names=None",
    "optimizers.SGD": "learning_rate=0.01 momentum=0.0 nesterov=False",
    "optimizers.Adam": "learning_rate=0.001 beta_1=0.9 beta_2=0.999 epsilon=1e-07 amsgrad=False",
    "optimizers.RMSprop": "learning_rate=0.001 rho=0.9 momentum=0.0 epsilon=1e-07 centered=False",
    "callbacks.EarlyStopping": "monitor='val_loss' min_delta=0 patience=0 verbose=0 mode='auto' baseline=None "
    "restore_best_weights=False start_from_epoch=0",
    "Model.fit": "x=None y=None batch_size=None epochs=1 verbose='auto' callbacks=None validation_split=0.0 "
    "validation_data=None shuffle=True class_weight=None sample_weight=None initial_epoch=0 steps_per_epoch=None",
    "Model.evaluate": "x=None y=None batch_size=None verbose='auto' sample_weight=None steps=None callbacks=None",
    "Model.predict": "x batch_size=None verbose='auto' steps=None callbacks=None",
}


@pytest.mark.parametrize("path", SIGNATURES)
def test_arguments_and_defaults_are_those_of_keras(path):
    target: object = keras
    for word in path.split("."):
        target = getattr(target, word)
    assert callable(target)
    parameters = [p for p in inspect.signature(target).parameters.values() if p.name != "self"]
    written = [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters]
    expected = SIGNATURES[path].split()
    assert written[: len(expected)] == expected


def test_version_has_one_source():
    assert keras.__version__ == __version__
    try:
        installed = importlib.metadata.version("lamina")
    except importlib.metadata.PackageNotFoundError:
        return
    assert installed == __version__


def test_the_first_lesson():
    keras.utils.set_random_seed(0)
    x = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0])
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mean_squared_error")
    history = model.fit(x, 3 * x + 1, epochs=500, verbose=0)
    assert len(history.history["loss"]) == 500
    assert model.predict(np.array([10.0]), verbose=0)[0, 0] == pytest.approx(31, abs=0.05)
