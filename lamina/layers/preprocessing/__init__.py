"""Layers that make numbers of words. They work on the data before it comes to a model, not inside of one."""

from lamina.layers.preprocessing.integer_lookup import IntegerLookup
from lamina.layers.preprocessing.string_lookup import StringLookup
from lamina.layers.preprocessing.text_vectorization import TextVectorization

__all__ = ["IntegerLookup", "StringLookup", "TextVectorization"]
