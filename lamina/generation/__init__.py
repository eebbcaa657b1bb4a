"""Generating text, and anything else that is made of tokens: models, samplers, and a loop that is one program."""

from lamina.generation.beam_sampler import BeamSampler
from lamina.generation.causal_lm import CausalLM
from lamina.generation.generating import generate
from lamina.generation.gpt import GPT
from lamina.generation.names import deserialize, get, serialize
from lamina.generation.sampler import Sampler, Task
from lamina.generation.samplers import GreedySampler, RandomSampler, TopKSampler, TopPSampler
from lamina.generation.teacher_forcing import teacher_forcing

__all__ = [
    "GPT", "BeamSampler", "CausalLM", "GreedySampler", "RandomSampler", "Sampler", "Task", "TopKSampler",
    "TopPSampler", "deserialize", "generate", "get", "serialize", "teacher_forcing",
]  # fmt: skip
