"""Random numbers with the names of `keras.random`."""

from lamina.random.draws import (
    bernoulli,
    binomial,
    bits,
    categorical,
    dropout,
    normal,
    permutation,
    randint,
    shuffle,
    truncated_normal,
    uniform,
)
from lamina.random.seed_generator import (
    SeedGenerator,
    draw_seed,
    global_seed_generator,
    make_default_seed,
    set_random_seed,
)

__all__ = [
    "SeedGenerator", "bernoulli", "binomial", "bits", "categorical", "draw_seed", "dropout",
    "global_seed_generator", "make_default_seed", "normal", "permutation", "randint", "set_random_seed", "shuffle",
    "truncated_normal", "uniform",
]  # fmt: skip
