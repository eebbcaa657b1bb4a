"""Layers that prepare data: numbers of words, which is done before a model, and numbers brought to a scale."""

from lamina.layers.preprocessing.integer_lookup import IntegerLookup
from lamina.layers.preprocessing.normalization import Normalization
from lamina.layers.preprocessing.string_lookup import StringLookup
from lamina.layers.preprocessing.text_vectorization import TextVectorization

__all__ = ["IntegerLookup", "Normalization", "StringLookup", "TextVectorization"]
