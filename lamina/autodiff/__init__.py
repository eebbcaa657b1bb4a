"""Gradients: graph in, graph out; and the numeric checker."""

from lamina.autodiff.checker import check_gradients
from lamina.autodiff.reverse import gradients

__all__ = ["check_gradients", "gradients"]
