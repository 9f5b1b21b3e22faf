"""The error of every data set that is not usable."""

from __future__ import annotations


class DatasetError(ValueError):
    """A data set, as source or as built, is missing, incomplete, inconsistent or not understood."""
