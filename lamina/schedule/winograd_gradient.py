"""Gradients of 3x3 kernels by fewer multiplications: F(3x3, 4x4) of Winograd.

The gradient of a kernel is a convolution too, of the picture with the gradient of the results in the part of the
kernel. Cut into squares of 4x4 results, each a kernel of its own, their sums over all squares are 36 products, whose
results are transformed back once for all squares together.
"""

from __future__ import annotations

from lamina.graph import Node, input_node
from lamina.schedule.epilogue import epilogue
from lamina.schedule.expr import INDEX, Buffer
from lamina.schedule.loops import Kernel, Statement
from lamina.schedule.product import Product
from lamina.schedule.squares import (
    OF_RESULTS,
    OF_SQUARES,
    RESULT,
    SQUARE,
    TAPS,
    TO_KERNELS,
    Pictures,
    pays,
    transform,
)
from lamina.schedule.winograd import Geometry, ThroughSquares


def find_kernel_gradient(node: Node, p: Product) -> Geometry | None:
    """The labels, where a contraction is the gradient of a 3x3 kernel that this pays for; None for any other."""
    if node.dtype != "float32" or len(p.n) != 1:
        return None
    left, right, size = p.left.strides, p.right.strides, p.extents
    summed = "".join(p.levels)
    kept = [x for x in node.attrs["labels"][2] if x in size and x in left and x not in right]
    inner = [x for x in kept if left[x] == 1]
    taps = {left[x]: x for x in kept if size[x] == TAPS and left[x] != 1}
    if not 2 <= len(summed) <= 3 or len(kept) != 3 or len(inner) != 1 or len(taps) != 2 or right.get(p.n) != 1:
        return None
    axes = [x for x in summed if left[x] in taps]
    batch = [x for x in summed if left[x] not in taps]
    if len(axes) != 2 or left[axes[0]] == left[axes[1]] or any(x not in right for x in summed):
        return None
    down, across = sorted(axes, key=summed.index)
    sizes = [size[x] for x in (down, across, inner[0], p.n)]
    strides = [*left.values(), *right.values()]
    if not all(isinstance(d, int) for d in [*sizes, *strides]) or not pays(*sizes):  # type: ignore[arg-type]
        return None
    return Geometry("".join(batch), down, across, taps[left[down]], taps[left[across]], inner[0], p.n)


class WinogradGradient(ThroughSquares):
    """Lowers the gradient of one kernel and its epilogue."""

    def kernels(self) -> list[Kernel]:
        """The kernels in order."""
        places, g, over = SQUARE * SQUARE, self.g, self.over
        pictures = input_node((places, over.count, self.inner), "float32", f"{self.name}_squares")
        results = input_node((places, over.count, self.outer), "float32", f"{self.name}_results")
        memory, sums, products = self.products(pictures, results, ("xmc", "xmk", "xck"))
        axes = (g.batch, g.down, g.across)
        read = Pictures(self.p.left, *axes, g.inner, self.inner, TAPS - 1, SQUARE, OF_SQUARES)
        given = Pictures(self.p.right, *axes, g.outer, self.outer, 0, RESULT, OF_RESULTS)
        before = [
            over.of_pictures("squares", read, memory[pictures]),
            over.of_pictures("results", given, memory[results]),
        ]
        return [*before, *products, self._back(sums)]

    def _back(self, source: Buffer) -> Kernel:
        b, g, over = self.b, self.g, self.over
        inner, outer = b.variable(self.inner), b.variable(self.outer)
        elements = [[over.element(source, (i, j), (inner, outer)) for j in range(SQUARE)] for i in range(SQUARE)]
        values = transform(b, TO_KERNELS, elements)
        body: list[Statement] = []
        for i in range(TAPS):
            for j in range(TAPS):
                at = {g.tap_down: b.const(i, INDEX), g.tap_across: b.const(j, INDEX), g.inner: inner, g.outer: outer}
                index = tuple(at.get(label, b.const(0, INDEX)) for label in self.node.attrs["labels"][2])
                body += epilogue(b, self.group, self.memory, values[i][j], index)
        return over.shared(self.name, inner, [over.over(outer, body)], self.outer)
