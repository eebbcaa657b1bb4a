"""Runs the stages one after the other: graph in, something that runs on arrays out."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence

import numpy as np

from lamina.base import dtypes
from lamina.base.config import config
from lamina.base.dims import evaluate_shape
from lamina.graph import Graph, Node, verify
from lamina.graph import interpret as interpret_graph
from lamina.graph.interpreter import bind_symbols
from lamina.graph.loop import BATCH, InterpretedLoop, LoopProgram, LoopState


class InterpretedGraph:
    """Runs a graph in the interpreter; the same face as a compiled graph."""

    def __init__(self, graph: Graph):
        verify(graph)
        self.graph = graph

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        return interpret_graph(self.graph, arrays)


def compile_graph(graph: Graph, *, interpret: bool | None = None):
    """Turns a graph into something that runs on arrays given in the order of its inputs."""
    if config.interpret if interpret is None else interpret:
        return InterpretedGraph(graph)
    return CompiledGraph(graph)


def compile_loop(program: LoopProgram, *, interpret: bool | None = None):
    """Turns a loop program into something with `advance`, as `lamina.graph.loop.InterpretedLoop` has it."""
    if config.interpret if interpret is None else interpret:
        return InterpretedLoop(program)
    return CompiledLoop(program)


def _build(stages, symbols):
    from lamina.codegen.driver import ENTRY, ProgramWriter
    from lamina.codegen.target import host_target
    from lamina.runtime.program import Program
    import llvmlite.binding as llvm

    target = host_target()
    text = ProgramWriter(stages, symbols, target, {}).write()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    tm = llvm.Target.from_triple(target.triple).create_target_machine(cpu=target.cpu, features=target.features, opt=2)
    open('/tmp/last.ll','w').write(text.text)
    mod = llvm.parse_assembly(text.text)
    mod.verify()
    pto = llvm.create_pipeline_tuning_options(speed_level=1)
    pto.slp_vectorization = False
    pto.loop_vectorization = False
    pto.loop_unrolling = False
    pb = llvm.create_pass_builder(tm, pto)
    pm = pb.getModulePassManager()
    pm.run(mod, pb)
    engine = llvm.create_mcjit_compiler(mod, tm)
    engine.finalize_object()
    import threading

    def run_threads(function, pointer, count):
        workers = [threading.Thread(target=function, args=(pointer, t, count)) for t in range(1, count)]
        for w in workers:
            w.start()
        function(pointer, 0, count)
        for w in workers:
            w.join()

    yield_address = ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value
    program = Program(engine.get_function_address(ENTRY), (engine, mod), stages, text.buffers, text.symbols, run_threads, yield_address)
    program.text = text.text
    program.tm = tm
    return program


class CompiledGraph:
    """A graph as a native program."""

    def __init__(self, graph: Graph):
        from lamina.codegen.driver import Stage
        from lamina.schedule.schedule import schedule

        verify(graph)
        self.graph = graph
        plan = schedule(graph)
        self.plan = plan
        self.program = _build([Stage("main", plan)], graph.symbols())
        self.outputs = plan.outputs
        self.numbers = [self.program.number[plan.inputs[n]] for n in graph.inputs]
        self.output_numbers = [self.program.number[b] for b in plan.outputs]

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        from lamina.runtime.buffers import empty_aligned
        from lamina.runtime.program import address

        graph, program = self.graph, self.program
        symbols = bind_symbols((n.shape, a.shape) for n, a in zip(graph.inputs, arrays))
        layout = program.layout(symbols)
        for number, array in zip(self.numbers, arrays):
            layout.table[number] = address(array)
        results = []
        for number, buffer in zip(self.output_numbers, self.outputs):
            array = empty_aligned(evaluate_shape(buffer.shape, symbols), dtypes.to_numpy(buffer.dtype))
            layout.table[number] = address(array)
            results.append(array)
        program.call(layout)
        return results


class CompiledLoop:
    """A loop program as a native program."""

    def __init__(self, loop: LoopProgram):
        from lamina.codegen.driver import Stage
        from lamina.schedule.schedule import schedule

        loop.verify()
        self.loop = loop
        names = {"prologue": loop.prologue, "body": loop.body, "epilogue": loop.epilogue}
        shared: dict = {}
        stages = []
        for name, graph in names.items():
            if graph is None:
                continue
            plan = schedule(graph, shared)
            shared.update(plan.inputs)
            streams = set()
            if name == "body":
                streams = {plan.inputs[n] for n in loop.streams} | set(plan.outputs)
            elif name == "epilogue":
                streams = set(plan.outputs)
            stages.append(Stage(name, plan, frozenset(streams)))
        self.shared = shared
        symbols = sorted({BATCH, *(s for g in loop.stages() for s in g.symbols())})
        self.program = _build(stages, symbols)
        self.stages = {s.name: s for s in stages}

    def advance(self, state: LoopState, arrays: Mapping[Node, np.ndarray], outputs, logs, max_steps: int) -> None:
        from lamina.codegen.driver import Slot
        from lamina.runtime.program import address

        program = self.program
        streams = self.loop.streams
        symbols = bind_symbols((n.shape, arrays[n].shape) for n in self.shared if n not in streams)
        symbols[BATCH] = min(state.batch_size, max(state.rows, 1))
        layout = program.layout(symbols)
        for node, buffer in self.shared.items():
            number = program.number.get(buffer)
            if number is None:
                continue
            layout.table[number] = address(arrays[node])
            if node in streams:
                layout.strides[number] = arrays[node].strides[0] if arrays[node].ndim else 0
        for name, given in (("body", outputs), ("epilogue", logs)):
            if name not in self.stages:
                continue
            for buffer, array in zip(self.stages[name].schedule.outputs, given):
                number = program.number[buffer]
                layout.table[number] = address(array)
                layout.strides[number] = array.nbytes // max(len(array), 1)
        c = layout.context
        c[Slot.EPOCH], c[Slot.EPOCHS], c[Slot.STEP], c[Slot.STEPS] = state.epoch, state.epochs, state.step, state.steps
        c[Slot.ROWS], c[Slot.BATCH_SIZE], c[Slot.MAX_STEPS] = state.rows, state.batch_size, max_steps
        program.call(layout)
        state.epoch, state.step = int(c[Slot.EPOCH]), int(c[Slot.STEP])
