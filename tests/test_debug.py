"""What lamina.debug shows is what is compiled, and says so in the user's own terms."""

from __future__ import annotations

import re

import numpy as np
import pytest

import lamina
from lamina import debug, ops
from lamina.base.dims import Dim
from lamina.base.errors import ArgumentError
from lamina.debug.subject import subject_of
from lamina.graph import Graph, input_node
from lamina.graph.loop import LoopProgram
from lamina.layers import Dense, Input
from lamina.models import Sequential
from lamina.primitives import add, exp
from lamina.runtime import native
from lamina.tensor import TensorSpec

OPEN = TensorSpec((None, 8))
TEXTS = [debug.graph, debug.optimized, debug.kernels, debug.llvm, debug.assembly, debug.memory]


def two_products(x, w):
    hidden = ops.tanh(x @ w)
    return ops.softmax(hidden @ w, axis=-1)


@pytest.fixture
def square():
    return np.ones((4, 8), np.float32), np.ones((8, 8), np.float32)


@pytest.fixture
def model():
    layers = [Input((6,)), Dense(5, activation="relu", name="first"), Dense(3, activation="softmax", name="second")]
    model = Sequential(layers, name="small")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def rows(rng):
    return rng.normal(size=(50, 6)).astype(np.float32), rng.integers(0, 3, 50)


def test_reachable_from_the_package():
    assert lamina.debug is debug
    assert tuple(t.__name__ for t in TEXTS) == debug.STAGES


def test_graph_names_operations_and_lines(square):
    text = debug.graph(two_products, *square)
    assert "graph two_products {" in text
    assert text.count("contract(") == 2 and "tanh(" in text and "return" in text
    assert "test_debug.py" in text


def test_optimized_is_what_remains():
    def idle(x):
        return ops.negative(ops.negative(x * 1.0)) + 1.0

    assert debug.graph(idle, OPEN).count("negate(") == 2
    assert "negate(" not in debug.optimized(idle, OPEN)
    assert "multiply(" not in debug.optimized(idle, OPEN)


def test_kernels_show_fusion_phases_lines_and_meanings(square):
    assert debug.kernels(lambda x: ops.softmax(x, axis=-1), OPEN).startswith("stage main: 1 kernel, 1 phase\n")
    text = debug.kernels(two_products, OPEN, square[1])
    assert re.search(r"kernel k0 +# test_debug.py:\d+", text)
    assert "-------- barrier, phase 1 --------" in text
    assert "# input 'argument0'" in text and "# output 0" in text
    assert "multiply<float32" in text


def test_equal_kernels_are_printed_once(square):
    """Two layers of one size are computed by the same loops."""
    text = debug.kernels(lambda x, w: ops.tanh(ops.tanh(x @ w) @ w), square[1], square[1])
    first, second = re.findall(r"^kernel (k\d+) ", text, re.MULTILINE)
    assert text.count(f"\n  as {first}") == 1 and text.index(f"kernel {second}") < text.index(f"\n  as {first}")
    assert text.count("call multiply") == 1


def test_native_code_says_which_function_is_which_kernel(square):
    text = debug.llvm(two_products, *square)
    named = re.findall(r"^; (kernel_\w+): main (k\w+)", text, re.MULTILINE)
    assert [kernel for _, kernel in named][:1] == ["k0"]
    assert all(f"void @{function}(" in text for function, _ in named)
    code = text.split("\n", len(named))[-1]
    native.compile_object(code, subject_of("llvm", two_products, square).compilation.target)
    machine = debug.assembly(two_products, *square)
    assert all(f"{function}:" in machine for function, _ in named)
    assert "lamina_run" in machine


def test_memory_counts_bytes_lives_and_sharing(square):
    text = debug.memory(two_products, *square)
    assert "input 'argument0'" in text and "output 0" in text
    first = re.search(r"in ([\d,]+) bytes \(unshared ([\d,]+)\); the most alive at once: ([\d,]+), in phase \d", text)
    assert first is not None
    shared, alone, alive = (int(n.replace(",", "")) for n in first.groups())
    assert alive <= shared <= alone
    assert f"arena: {shared:,} bytes; {alone:,} if" in text
    assert "input: 384 bytes" in text and "output: 128 bytes" in text


def test_memory_uses_the_sizes_of_the_examples(model, rows):
    assert debug.memory(lambda x: x + 1.0, OPEN).startswith("sizes: batch = 32\n")
    assert debug.memory(model, *rows).startswith("sizes: batch = 32, rows = 50\n")
    assert debug.memory(model, *rows, batch_size=10).startswith("sizes: batch = 10, rows = 50\n")
    assert debug.memory(model, *rows, batch_size=1000).startswith("sizes: batch = 50, rows = 50\n")
    assert "no temporary buffers" in debug.memory(lambda x: x + 1.0, OPEN)


def test_model_shows_its_training_program(model, rows):
    text = debug.graph(model, *rows)
    assert re.findall(r"^graph (\w+) {", text, re.MULTILINE) == ["begin", "train", "results"]
    assert "random_permutation(" in text and "update" in text
    assert "small/first" in text
    kernels = debug.kernels(model, *rows)
    assert re.findall(r"^stage (\w+):", kernels, re.MULTILINE) == ["prologue", "body", "epilogue"]
    assert "state 'first/kernel', new value" in kernels
    assert re.search(r"state 'first/kernel' .*\(in place\)", debug.memory(model, *rows))


def test_looking_does_not_train(model, rows):
    before = model.get_weights()
    for text in TEXTS:
        text(model, *rows)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    assert model.optimizer.iterations.numpy() == 0
    model.fit(*rows, verbose=0)


def test_one_row_is_not_shuffled(model, rows):
    assert "random_permutation(" not in debug.graph(model, rows[0][:1], rows[1][:1])


def test_sample_weights_are_an_input(model, rows):
    assert "input 'sample_weight'" in debug.graph(model, *rows, np.ones(50, np.float32))


def test_inputs_alone_show_predict(model, rows):
    assert re.findall(r"^graph (\w+) {", debug.graph(model, rows[0]), re.MULTILINE) == ["predict"]
    assert "softmax" not in debug.graph(Sequential([Dense(2)]), rows[0])  # neither built nor compiled


def test_functions_methods_and_layers(square):
    class Scaler:
        @lamina.function
        def scale(self, x):
            return x * 3.0

    compiled = lamina.function(two_products)
    assert "graph two_products {" in debug.graph(compiled, *square)
    assert compiled.traces == 0
    scaler = Scaler()
    assert "multiply(" in debug.graph(scaler.scale, square[0])
    assert "contract(" in debug.graph(Dense(2), square[0])
    assert "float32(batch, 8)" in debug.graph(lamina.function(lambda x: x + 1.0, input_signature=[OPEN]), square[0])


def test_variables_are_state(square):
    total = lamina.Variable(np.zeros((4, 8), np.float32), name="total")
    text = debug.kernels(lambda x: total.assign_add(x), square[0])
    assert "state 'total', new value" in text
    assert not total.numpy().any()


def test_graphs_and_loops_are_shown_as_they_are():
    x = input_node((Dim("batch"), 3), "float32", "x")
    single = Graph((x,), (add(exp(x), x),), name="single")
    assert "graph single {" in debug.graph(single)
    assert "stage main:" in debug.kernels(single)
    assert "stage body:" in debug.kernels(LoopProgram(single, (x,)))
    assert debug.memory(LoopProgram(single, (x,))).startswith("sizes: batch = 32\n")


def test_show_prints_the_stages_asked_for(capsys, square):
    debug.show(two_products, *square, stages=["memory", "graph"])
    headings = re.findall(r"^======== (.*) ========$", capsys.readouterr().out, re.MULTILINE)
    assert headings == ["graph of two_products", "memory of two_products"]
    debug.show(two_products, *square)
    assert len(re.findall(r"^=======", capsys.readouterr().out, re.MULTILINE)) == len(debug.STAGES)
    debug.show(two_products, *square, stages="optimized")
    assert "optimized of two_products" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((3,), "expected a function of tensors"),
        ((Dense,), "expected a function of tensors"),
        ((two_products, OPEN), "do not fit two_products"),
        ((lambda x: 3, OPEN), "returned no tensor"),
        ((lambda: None,), "returned no tensor"),
        ((Sequential([Dense(1)]),), "needs example data"),
        ((Sequential([Dense(1)]), np.ones((2, 3)), np.ones((2, 1))), "must be compiled"),
        ((Graph((), ()), 1), "give no example arguments"),
    ],
)
def test_wrong_input_is_explained(arguments, expected):
    with pytest.raises(ArgumentError, match=expected):
        debug.graph(*arguments)


def test_wrong_settings_are_explained(model, rows):
    with pytest.raises(ArgumentError, match="unknown stage 'ir'"):
        debug.show(two_products, stages=["ir"])
    with pytest.raises(ArgumentError, match="batch_size must be"):
        debug.memory(model, *rows, batch_size=0)
