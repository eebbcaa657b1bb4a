"""Small real data sets that come with the package."""

from lamina.datasets import digits
