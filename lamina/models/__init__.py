"""Models: layers put together, with compile, fit, evaluate and predict."""

from lamina.layers import registry
from lamina.models.model import Model
from lamina.models.sequential import Sequential

# A model is a layer too, so that one can be read from a config inside of another one.
registry.table.update({"Sequential": Sequential})

__all__ = ["Model", "Sequential"]
