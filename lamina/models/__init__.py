"""Models: layers put together, with compile, fit, evaluate and predict."""

from lamina.layers import registry
from lamina.models.cloning import clone_model
from lamina.models.functional import Functional
from lamina.models.model import Model
from lamina.models.sequential import Sequential

# A model is a layer too, so that one can be read from a config inside of another one.
registry.table.update({"Functional": Functional, "Sequential": Sequential})

__all__ = ["Functional", "Model", "Sequential", "clone_model"]
