"""Keeps TensorFlow and its companions to warnings that a user can act on. Called before they are imported."""

from __future__ import annotations

import logging
import os


def quiet_tensorflow() -> None:
    """Set what TensorFlow, absl and oneDNN read when they are imported; what the caller has set stays."""
    # TensorFlow turns oneDNN on by itself only on CPUs with AVX-512 or AMX; with AVX2 alone it is twice as fast too.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # 2: errors only. What is left out are notes about instruction sets, oneDNN and GPUs that are not there.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TFDS warns of its own deprecated FeatureConnector through absl, which is Python's logging.
    logging.getLogger("absl").setLevel(logging.ERROR)
