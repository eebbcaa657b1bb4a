"""The life of one training step, through the real code.

Run it with `python docs/internals.py`, or step through it in a debugger. It begins with a matrix product at a Python
prompt and ends with epochs of training inside one call of native code. On the way each stage of the compiler is run by
hand and its result printed. Nothing here is a model of Lamina: every name is imported from where it lives.

Two executors give a graph its meaning. The interpreter runs NumPy operation by operation; it says what is right. The
compiled program must agree with it, and `agree` below holds it to that at every step of the story.
"""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
import textwrap
import time

import numpy as np

import lamina as keras
from lamina import debug, ops
from lamina import primitives as p
from lamina.autodiff import check_gradients, gradients
from lamina.base.config import config
from lamina.base.dims import Dim
from lamina.base.errors import ShapeError, TraceError
from lamina.compiler import Compilation, compile_graph, compile_loop
from lamina.graph import Graph, Primitive, Spec, constant, format_graph, input_node, interpret
from lamina.graph.loop import InterpretedLoop, LoopProgram, LoopState
from lamina.optimize import optimize
from lamina.runtime import cache
from lamina.schedule.anchors import choose_anchors
from lamina.schedule.blocking import blocking
from lamina.schedule.evaluate import evaluate_size
from lamina.schedule.fusion import group_anchors
from lamina.schedule.schedule import schedule
from lamina.schedule.target import host_target
from lamina.tensor import GradientTape, Tensor, TensorSpec, Trace, Variable, apply

random = np.random.default_rng(7)
config.cache_dir = tempfile.mkdtemp(prefix="lamina-internals-")  # empty: everything is compiled before your eyes
config.cache = True
atexit.register(shutil.rmtree, config.cache_dir, ignore_errors=True)


def chapter(title: str) -> None:
    print(f"\n\n{title}\n{'=' * len(title)}\n")


def say(text: str) -> None:
    print(textwrap.fill(text, 112, subsequent_indent="    "))


def show(text: str, most: int = 40) -> None:
    """Prints the first lines of a text, indented and cut to the width of a page."""
    lines = text.strip("\n").split("\n")
    for line in lines[:most]:
        print(f"    {line}" if len(line) <= 112 else f"    {line[:109]}...")
    if len(lines) > most:
        print(f"    ... and {len(lines) - most} more lines")


def agree(graph: Graph, *arrays: np.ndarray) -> list[np.ndarray]:
    """Runs a graph on both executors; returns the compiled results, then the new state, after comparing all of it."""
    expected, state = [a.copy() for a in arrays], [a.copy() for a in arrays]
    wanted = interpret(graph, expected) + expected
    found = compile_graph(graph, interpret=False)(state) + state
    for a, b in zip(wanted, found, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
    return found


chapter("1. Tensors: an operation runs when it is asked for")

# A concrete Tensor holds a NumPy array. An operation on concrete tensors looks up a primitive, lets its `infer` check
# shapes and dtypes, and runs its `numpy`. Nothing stands between you and the value: print works, a debugger works, and
# an error is raised at the line that made it.

x_rows = random.normal(size=(6, 8)).astype("float32")
w1 = random.normal(size=(8, 16)).astype("float32") / 3
b1 = np.full(16, 0.1, "float32")

eager = ops.tanh(ops.convert_to_tensor(x_rows) @ w1 + b1)
print(f"a value at once: {eager.shape} {eager.dtype}, first element {float(eager[0, 0]):.4f}")
np.testing.assert_allclose(eager.numpy(), np.tanh(x_rows @ w1 + b1), rtol=1e-6)

try:
    ops.convert_to_tensor(x_rows) @ w1.T
except ShapeError as error:
    say(f"a mistake at once: {error}")
else:
    raise AssertionError("8 columns against 16 rows must not pass")

chapter("2. Tracing: the same code, with tensors that have no value")

# A symbolic Tensor holds a Node in place of an array. The very same functions, called with it, build nodes. So nothing
# has to be parsed: Python runs, once, and what it did is the graph. Concrete arrays that it meets become constants.

trace = Trace()
with trace.stage("hidden"):
    x = trace.input((6, 8), "float32", name="x")
    hidden = ops.tanh(x @ w1 + b1)
    hidden_graph = trace.finish([hidden])
    try:
        float(hidden[0, 0])
    except TraceError as error:
        say(f"asking for a value: {error}")
    else:
        raise AssertionError("a symbolic tensor has no value")
show(format_graph(hidden_graph, sources=True))

# Each node knows the line of the user's file that asked for it; error messages, kernels and profiles will too.
assert hidden.node.source.file == __file__ and hidden.node.primitive is p.TANH
assert np.array_equal(interpret(hidden_graph, [x_rows])[0], eager.numpy()), "interpreting is the eager code, replayed"
agree(hidden_graph, x_rows)

chapter("3. Hash-consing: saying it twice is saying it once")

# Nodes never change, and equal applications are the same object. A table from (primitive, inputs, attributes) to node
# is asked before one is made. Common subexpressions are thus gone before any pass could look for them, and comparing
# two graphs is comparing pointers.

n = input_node((3,), "float32", "n")
once, again = p.add(p.exp(n), p.exp(n)), p.add(p.exp(n), p.exp(n))
assert once is again and once.inputs[0] is once.inputs[1]
print(f"add(exp(n), exp(n)), twice: one graph of {len(Graph((n,), (once, again)).nodes())} nodes")
# Equal means equal in every bit: 1, 1.0 and True are three constants, and so are 0.0 and -0.0, since 1 / -0.0 is -inf.
assert constant(0.0) is constant(0.0) and constant(0.0) is not constant(-0.0)

chapter("4. The batch is a symbol, not a number")

# A dimension is an int or a Dim, an affine expression of symbols. Where the symbols cancel, an int comes out. Loop
# bounds become arguments of the native code, so the short last batch of an epoch needs no program of its own.

batch = Dim("batch")
assert 2 * batch + 3 - 2 * batch == 3
print(f"2 * batch + 3 is {2 * batch + 3}; less 2 * batch it is {2 * batch + 3 - 2 * batch}")
try:
    batch * Dim("rows")
except ShapeError as error:
    say(f"what cannot be kept is refused: {error}")

trace = Trace()
with trace.stage("hidden"):
    x = trace.input((batch, 8), "float32", name="x")
    open_graph = trace.finish([ops.tanh(x @ w1 + b1)])
program = compile_graph(open_graph, interpret=False)
for rows in (1, 5, 6, 0):
    np.testing.assert_allclose(program([x_rows[:rows]])[0], eager.numpy()[:rows], rtol=1e-5, atol=1e-6)
print("one compiled program has served batches of 1, 5, 6 and 0 rows")

chapter("5. A primitive is declared once")

# Everything that any stage must know of an operation stands in one record. Here is tanh's, read the way the stages do.
# `lower` speaks to whatever builder it is given: the compiler's makes loop IR, this one makes text.


class Words:
    """A builder that answers every call with the call's own text."""

    def __getattr__(self, name: str):
        return lambda *given: f"{name}({', '.join(str(g) for g in given)})"


x, g = input_node((batch, 16), "float32", "x"), input_node((batch, 16), "float32", "g")
slope = p.TANH.vjp(p.tanh(x), g)[0]
print(f"kind    {p.TANH.kind}; {'dearer to repeat than to store' if p.TANH.expensive else 'cheap'}")
print(f"infer   {p.TANH.infer(x)}")
print(f"numpy   {p.TANH.numpy(np.float32([0, 1]))}")
print(f"lower   {p.TANH.lower(Words(), 'x')}")
print("vjp     its gradient, in terms of other primitives:")
show(format_graph(Graph((x, g), (slope,), name="gradient_of_tanh")))

# A new one takes a dozen lines. softclip(x) = limit * tanh(x / limit) is x near 0 and never leaves +-limit.

SOFTCLIP = Primitive(
    "softclip",
    "elementwise",
    infer=lambda x, limit: Spec(x.shape, x.dtype),
    numpy=lambda x, limit: limit * np.tanh(x / limit),
    vjp=lambda node, g: (p.subtract(g, p.multiply(g, squared(node))),),
    lower=lambda b, x, limit: b.mul(b.const(limit, x.dtype), b.tanh(b.mul(x, b.const(1 / limit, x.dtype)))),
    expensive=True,
)


def squared(node):
    """(softclip / limit) squared: what its slope falls short of 1."""
    share = p.multiply(node, p.full(node.shape, 1 / node.attrs["limit"], node.dtype))
    return p.multiply(share, share)


def softclip(x, limit=2.0):
    return apply(SOFTCLIP, ops.convert_to_tensor(x), limit=limit)


# From here on it is like any other: eager, under a tape, differentiated numerically and twice, traced, fused, compiled.
point = Variable(np.float32([-9.0, -0.5, 0.0, 0.5, 9.0]))
with GradientTape() as tape:
    clipped = softclip(point)
print(f"\nsoftclip {clipped.numpy().round(3)}\nits slope {tape.gradient(clipped, point).numpy().round(3)}")
check_gradients(lambda node: softclip(Tensor.of_node(node)).node, [np.linspace(-3, 3, 7)], order=2)
fused = debug.kernels(lambda x: softclip(x) * 10.0 + 1.0, TensorSpec((None,)))
assert fused.startswith("stage main: 1 kernel") and "tanh(" in fused
show(fused)
compiled = keras.function(lambda x: softclip(x) * 10.0 + 1.0)
np.testing.assert_allclose(compiled(point.numpy()).numpy(), clipped.numpy() * 10 + 1, rtol=1e-5)

chapter("6. Reverse mode: graph in, graph out")

# `gradients` walks back from the loss and asks each primitive's vjp for nodes. The result is graph like any other: it
# is simplified, fused and compiled together with the forward pass, and can be differentiated again.

start = [w1, b1, random.normal(size=(16, 3)).astype("float32") / 4]
weights = [Variable(array, name=name) for array, name in zip(start, ("w1", "b1", "w2"))]


def loss_of(x, y):
    """Mean squared error of a two-layer network."""
    w1, b1, w2 = weights
    return ops.mean((ops.tanh(x @ w1 + b1) @ w2 - y) ** 2)


trace = Trace()
with trace.stage("gradient"):
    x, y = trace.input((batch, 8), "float32", name="x"), trace.input((batch, 3), "float32", name="y")
    loss = loss_of(x, y)
    slopes = gradients([loss.node], [trace.state_node(v) for v in weights])
    gradient_graph = trace.finish([loss, *map(Tensor.of_node, slopes)])
forward = len(Graph((), (loss.node,)).nodes())
print(f"{forward} nodes forwards, {len(gradient_graph.nodes()) - forward} more backwards:")
show(format_graph(gradient_graph), most=60)

x_all = random.normal(size=(250, 8)).astype("float32")
y_all = np.stack([x_all[:, 0] * x_all[:, 1], np.abs(x_all[:, 2]), x_all[:, 3]], 1).astype("float32")
with GradientTape() as tape:
    error_of_all = loss_of(x_all, y_all)
found = agree(gradient_graph, x_all, y_all, *start)
for value, expected in zip(found[1:4], tape.gradient(error_of_all, weights)):
    np.testing.assert_allclose(value, expected.numpy(), rtol=1e-4, atol=1e-6)

chapter("7. The optimizer is graph too")

# An optimizer is an ordinary function of tensors that assigns to variables. While tracing, reading a variable gives an
# input node and assigning records an update. So one step of training is one Graph: (state, batch) -> state.

RATE = 0.1
total, steps = Variable(np.float32(0), name="total"), Variable(np.float32(0), name="steps")
optimizer = keras.optimizers.SGD(RATE)
optimizer.build(weights)

trace = Trace()
with trace.stage("step"):
    x, y = trace.input((batch, 8), "float32", name="x"), trace.input((batch, 3), "float32", name="y")
    loss = loss_of(x, y)
    slopes = gradients([loss.node], [trace.state_node(v) for v in weights])
    optimizer.apply([Tensor.of_node(s) for s in slopes], weights)
    total.assign_add(loss)
    steps.assign_add(1.0)
    step_graph = trace.finish([])
for variable, value in step_graph.updates:
    print(f"    {variable.attrs['name']:14} := {value.primitive.name:8} from {value.source}")
assert {s.attrs["name"] for s, _ in step_graph.updates} >= {"w1", "b1", "w2", "total", "steps"}

state = [trace.arrays()[node].copy() for node in step_graph.inputs[2:]]
after = agree(step_graph, x_all, y_all, *state)[2:]
moved = dict(zip([node.attrs["name"] for node in step_graph.inputs[2:]], after))
np.testing.assert_allclose(moved["w2"], start[2] - RATE * found[3], rtol=1e-4, atol=1e-6)
print("\nboth executors move w2 by the learning rate times its gradient")

chapter("8. Optimisation: rules that keep the meaning")

# A rule takes a node and gives a better one or None; rules are found by the node's primitive, and NaN, infinity and the
# order of arithmetic are as they were. Dead nodes need no rule, since a graph is only what its results reach.

n = input_node((4, 3), "float32", "n")
idle = p.negate(p.negate(p.add(p.multiply(n, p.full(n.shape, 1.0, "float32")), p.full(n.shape, -0.0, "float32"))))
clumsy = Graph((n,), (p.power(p.transpose(p.transpose(idle, (1, 0)), (1, 0)), p.full(n.shape, 2.0, "float32")),))
show(f"{format_graph(clumsy)}\nbecomes\n{format_graph(optimize(clumsy))}")
assert [node.primitive for node in optimize(clumsy).nodes()[1:]] == [p.MULTIPLY]
agree(clumsy, x_rows[:4, :3].copy())

chapter("9. Anchors and fusion: softmax is one kernel")

# Which values get memory? "Anchors": results, contractions, folds, and what is too dear to compute twice. All others
# are computed where they are read. Anchors that can run under the same outer loops then share a kernel.

n = input_node((batch, 10), "float32", "logits")
softmax = optimize(Graph((n,), (ops.softmax(Tensor.of_node(n)).node,), name="softmax"))
anchors, _ = choose_anchors(softmax)
groups = group_anchors(anchors)
computed = [node for node in softmax.nodes() if node is not n]
print(f"{len(computed)} nodes, {len(anchors)} anchors ({', '.join(a.primitive.name for a in anchors)}),")
print(f"{len(groups)} group, whose members share the outer loop over {groups[0].outer()[0]}:\n")
assert len(groups) == 1 and len(anchors) < len(computed)
show(debug.kernels(softmax))
agree(softmax, random.normal(size=(7, 10)).astype("float32") * 30)

# That is loop IR. `tasks` are what threads share out; `vector` loops run several iterations at once; `collapse` folds
# the lanes of an accumulator. The exponentials are computed once and wait in `s0`, scratch memory of the thread.

chapter("10. Contractions: tiles, and what is finished while they are warm")

# A matrix product is cut into tiles of C whose elements all fit into registers. Every element of a vector of B that is
# loaded is used for all rows of the tile, every element of A for all its columns: that is what lets a core multiply at
# its full speed. What follows the product (bias, tanh) is done on rows that are still in the nearest cache.

target = host_target()
plan = blocking(target, "float32", 1024, 1024, 1024)
lanes = target.lanes("float32")
print(f"this machine: {target.name}, {lanes} floats a vector, {target.registers} vector registers;")
print(f"its large products use tiles of {plan.rows} x {plan.vectors * lanes}, {plan.kc} terms at a time")
assert plan.rows * plan.vectors < target.registers

layer = debug.kernels(lambda x: ops.tanh(x @ w1 + b1), TensorSpec((None, 8)))
assert layer.startswith("stage main: 1 kernel") and "multiply<float32" in layer
show(layer)

chapter("11. Memory and phases")

# Threads meet at a barrier only where one reads what another wrote; the stretch between two barriers is a phase. A
# buffer lives from the phase that writes it to the last that reads it, and buffers that never live at once may share
# memory. New state is written over the old where every reader of the old has run.

show(debug.memory(step_graph), most=60)
step_plan = schedule(optimize(step_graph), target)
assert step_plan.phases == sorted(step_plan.phases) and step_plan.phases[-1] > 0
assert {step_plan.inputs[s] for s, _ in step_plan.graph.updates} <= set(step_plan.aliases.values()), "all in place"

# To find a defect of the plan, one switches it off, or fills unused memory with NaN. Not a bit may change.
results = []
for config.memory_planner, config.poison in ((True, False), (False, False), (True, True)):
    results.append([a.tobytes() for a in agree(step_graph, x_all, y_all, *state)])
config.memory_planner, config.poison = True, False
assert results[0] == results[1] == results[2]
print("\nwith shared, private and poisoned memory: the same bits")

chapter("12. LLVM's language, and the machine's")

# Each kernel becomes a function, as text; kernels with equal loops are one function. LLVM sees no Python object and no
# shape but the constants among them. Here is the matrix product's innermost loop, then what the CPU gets for it.

spec = TensorSpec((None, 8))
text = debug.llvm(lambda x: ops.tanh(x @ w1 + b1), spec)
machine = debug.assembly(lambda x: ops.tanh(x @ w1 + b1), spec)
instruction = re.compile(r"^\s+(?:vfmadd|fmla|fmadd|mulps|mulss|fmul).*$", re.MULTILINE)
kernel = re.search(r"^; (kernel_\w+)", text).group(1)
print(f"{kernel}, in {text.count(chr(10)):,} lines of LLVM text:")
show("\n".join(re.findall(r"^ .* (?:call .* @llvm\.fma|fmul ).*$", text, re.MULTILINE)), most=4)
found_there = [line.group(0).expandtabs(1).strip() for line in instruction.finditer(machine)]
print(f"\n{len(found_there)} multiplying instructions among {machine.count(chr(10)):,} lines of assembly:")
show("\n".join(found_there), most=6)
assert found_there and f"{kernel}:" in machine
if target.has_fma:
    assert "@llvm.fma" in text, "where the machine has fused multiply-adds, products use them"

chapter("13. Threads and barriers")

# All threads run the same driver, and take tasks of each kernel by their number. How work is cut into tasks depends on
# sizes alone, so sums are added in the same order on one thread and on sixty-four: the results have the same bits.

n = input_node((batch, 64), "float32", "n")
sums = Graph((n,), (p.reduce_sum(p.exp(n), (0, 1)),), name="sum_of_exponentials")
tasks = [evaluate_size(k.tasks, {"batch": 4096}) for k in schedule(optimize(sums), target).kernels]
print(f"summing 4096 x 64 exponentials: kernels of {' and '.join(map(str, tasks))} task(s)")
show("\n".join(line for line in debug.kernels(sums).splitlines() if line.startswith(("kernel", "---", "stage"))))
big = random.normal(size=(4096, 64)).astype("float32")
threads, bits = config.threads, set()
for config.threads in (1, 2):
    bits.add(agree(sums, big)[0].tobytes())
config.threads = threads
assert len(bits) == 1 and tasks[0] > 1
print("on one thread and on two: the same bits")

chapter("14. Epochs of training in one native call")

# A LoopProgram puts a loop around the step: a prologue before each epoch, the body on the next rows of the user's array
# (read in place), an epilogue that writes a row of the log. The three share state by sharing input nodes. `fit` builds
# just this, and asks for a stretch of steps at a time, to draw its progress bar and to notice Ctrl-C.

EPOCHS, BATCH = 40, 32
with trace.stage("begin"):
    total.assign(0.0)
    steps.assign(0.0)
    prologue = trace.finish([])
with trace.stage("results"):
    epilogue = trace.finish([total / steps])
training = LoopProgram(step_graph, streams=step_graph.inputs[:2], prologue=prologue, epilogue=epilogue)


def train(loop) -> tuple[float, dict[str, np.ndarray], np.ndarray]:
    """Seconds, weights and losses of a whole training from the start."""
    arrays = {node: array.copy() for node, array in trace.arrays().items()}
    named = {node.attrs["name"]: array for node, array in arrays.items()}
    arrays |= dict(zip(training.streams, (x_all, y_all)))
    log = np.zeros(EPOCHS, "float32")
    progress = LoopState(rows=250, batch_size=BATCH, steps=-(-250 // BATCH), epochs=EPOCHS)
    began = time.perf_counter()
    loop.advance(progress, arrays, [], [log], max_steps=10**9)
    assert progress.done
    return time.perf_counter() - began, named, log


native = compile_loop(training, interpret=False)
train(native)
seconds, trained, losses = train(native)
slow, expected_weights, expected_losses = train(InterpretedLoop(training))
np.testing.assert_allclose(losses, expected_losses, rtol=1e-3, atol=1e-5)
for name in ("w1", "b1", "w2"):
    np.testing.assert_allclose(trained[name], expected_weights[name], rtol=1e-3, atol=1e-4)
assert losses[-1] < losses[0] / 2
taken = EPOCHS * -(-250 // BATCH)
print(f"{EPOCHS} epochs, {taken} steps (the last of each has 26 rows): loss {losses[0]:.3f} to {losses[-1]:.3f}")
print(f"one native call: {seconds * 1e3:.2f} ms, {seconds / taken * 1e6:.1f} us a step")
print(f"the interpreter: {slow * 1e3:.2f} ms, {slow / taken * 1e6:.1f} us a step")

chapter("15. The cache")

# The key of a program is a hash of its loop IR, of Lamina's and LLVM's versions, and of the machine. So another trace
# of the same code finds its machine code on disk: no LLVM text is written, nothing is compiled.


def fresh(factor: float) -> Compilation:
    n = input_node((batch, 64), "float32", "n")
    return Compilation({"main": Graph((n,), (p.sin(p.multiply(n, p.full(n.shape, factor, "float32"))),))})


first = fresh(3.0)
assert cache.get(first.key()) is None
began = time.perf_counter()
first.build()
built = time.perf_counter()
again = fresh(3.0)
again.build()
print(f"compiled in {(built - began) * 1e3:.1f} ms; found in the cache in {(time.perf_counter() - built) * 1e3:.1f} ms")
assert again.key() == first.key() != fresh(4.0).key() and cache.get(first.key()) is not None
assert "text" not in vars(again), "no LLVM text was written the second time"

chapter("16. The same, as anyone would write it")

# Layers, losses and optimizers are the functions of tensors that were used by hand above, and `fit` is the loop.

model = keras.Sequential(
    [keras.Input((8,)), keras.layers.Dense(16, activation="tanh"), keras.layers.Dense(3, use_bias=False)]
)
model.set_weights(start)
model.compile(keras.optimizers.SGD(RATE), loss="mean_squared_error")
history = model.fit(x_all, y_all, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0)
for name, value in zip(("w1", "b1", "w2"), model.get_weights()):
    np.testing.assert_allclose(value, trained[name], rtol=1e-3, atol=1e-4)
print(f"fit has found the same weights; its last loss is {history.history['loss'][-1]:.3f}")
print("to see its every stage: lamina.debug.show(model, x_all, y_all)")
show(re.sub(r"\n(?!kernel|stage|---).*", "", debug.kernels(model, x_all, y_all)), most=30)
