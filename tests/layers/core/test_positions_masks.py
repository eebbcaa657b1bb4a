"""Layers of positions hand on the mask of the steps that they are for."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers
from lamina.layers.masks import mask_of

IDS = np.array([[3, 1, 0, 0], [2, 5, 4, 0]])


@pytest.mark.parametrize("positions", [layers.PositionEmbedding(4), layers.SinePositionEncoding()])
def test_the_mask_survives_a_sum_with_positions(positions):
    vectors = layers.Embedding(6, 8, mask_zero=True)(IDS)
    total = layers.Add()([vectors, positions(vectors)])
    np.testing.assert_array_equal(mask_of(total), IDS != 0)
