"""Layers that add, cut off or repeat values at or between the places of time, images and volumes."""

from __future__ import annotations

from lamina.layers.padding.cropping import Cropping1D, Cropping2D, Cropping3D
from lamina.layers.padding.up_sampling import UpSampling1D, UpSampling2D, UpSampling3D
from lamina.layers.padding.zero_padding import ZeroPadding1D, ZeroPadding2D, ZeroPadding3D

__all__ = [
    "Cropping1D", "Cropping2D", "Cropping3D", "UpSampling1D", "UpSampling2D", "UpSampling3D", "ZeroPadding1D",
    "ZeroPadding2D", "ZeroPadding3D",
]  # fmt: skip
