"""`ops.linalg`: norms."""

from lamina.ops.products import norm

__all__ = ["norm"]
