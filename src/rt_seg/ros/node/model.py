"""A model bundle, loaded and ready for images of the camera's size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union

import numpy as np
import rospy

from rt_seg.bundle import Bundle, BundleError, load_bundle
from rt_seg.camera_image import CameraImage
from rt_seg.engines import create_engine
from rt_seg.engines.fallback import FallbackEngine
from rt_seg.engines.remote import RAW, RemoteEngine
from rt_seg.ros.caller_folder import caller_bundle
from rt_seg.segmenter import Segmenter, load_segmenter
from rt_seg.shared_engines import EnginePool
from rt_seg.sized_segmenter import FULL, SizedSegmenter

REMOTE = "remote"
"""The runtime that is a server."""


@dataclass(frozen=True)
class EngineSettings:
    """How networks are run."""

    runtime: str
    precision: str
    threads: int
    input_size: str = FULL
    server: str = ""
    """HOST:PORT, for the runtime `remote`."""
    server_encoding: str = RAW
    server_deadline: float = 0.25


@dataclass(frozen=True)
class Model:
    """A bundle and what runs it."""

    bundle: Bundle
    segmenter: SizedSegmenter

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.bundle.name} {self.bundle.version}"


def _remote_engine(bundle: Bundle, settings: EngineSettings) -> FallbackEngine:
    """The server's engine, with a local one behind it. Raises BundleError."""
    if not settings.server:
        raise BundleError("runtime remote: the parameter ~server is empty; expected is HOST:PORT of its gRPC")
    remote = RemoteEngine(bundle, settings.server, settings.server_encoding, settings.server_deadline)
    return FallbackEngine(remote, create_engine(bundle, "auto", settings.threads, settings.precision), rospy.logwarn)


def load_model(
    text: str,
    settings: EngineSettings,
    first_image: Union[np.ndarray, CameraImage, None] = None,
    confidence: bool = False,
    pool: Optional[EnginePool] = None,
) -> Model:
    """Load a bundle and segment a first image with it, which takes an engine longer than those after it.

    Args:
        text: a folder, or the name of a bundle, see `find_bundle`.
        first_image: uint8 (H, W, 3) RGB, or a camera's; without one, a black image of the network's size.
        confidence: whether the confidence is wanted, too.
        pool: of the engines, where several models share them.

    Raises BundleError when the bundle cannot be used or its network does not run.
    """
    bundle = load_bundle(caller_bundle(text))

    def make(sized: Bundle) -> Segmenter:
        how = (settings.runtime, settings.threads, settings.precision)
        if settings.runtime == REMOTE:
            return Segmenter(sized.input, _remote_engine(sized, settings))
        return load_segmenter(sized, *how) if pool is None else Segmenter(sized.input, pool.engine(sized, *how))

    try:
        segmenter = SizedSegmenter(bundle, make, settings.input_size, confidence)
    except ValueError as error:
        raise BundleError(str(error)) from error
    if first_image is None:
        first_image = np.zeros((bundle.input.height, bundle.input.width, 3), np.uint8)
    try:
        segmenter.segment(first_image, confidence)
    except Exception as error:  # whatever a runtime raises for a model that loads but does not run
        segmenter.close()
        raise BundleError(f"{bundle.folder}: the model does not run with {segmenter.description}: {error}") from error
    return Model(bundle, segmenter)
