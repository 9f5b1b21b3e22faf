"""MLServer's runtime of a model bundle: images in, logits out, over the Open Inference Protocol.

Tensors are sent as BYTES, since MLServer makes a Python list of every other kind. Inputs: `image`, the RGB bytes of
the network's size, row by row, or in its place `jpeg`; for rgbd `depth`, float32 metres, or none. Output: `logits`, as
NumPy's file format has them. Parameters of a request: `client`, any name; `deadline_ms`, after which nobody waits.
"""

from __future__ import annotations

import os
from io import BytesIO
from typing import Dict, List, Optional, Tuple

import cv2
import numpy as np
from mlserver import MLModel
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput
from mlserver.utils import get_model_uri

from rt_seg.bundle import Bundle, load_bundle
from rt_seg.camera_image import resize_image
from rt_seg.engines import create_engine
from rt_seg.serving.waiting_requests import RequestRefused, WaitingRequests

DEFAULT_PATIENCE = 1.0
"""Seconds that a request without `deadline_ms` may wait for its turn."""


def read_inputs(tensors: Dict[str, bytes], bundle: Bundle) -> Tuple[np.ndarray, Optional[np.ndarray]]:
    """Image (H, W, 3) uint8 RGB and depth (H, W) float32 or None, of the network's size.

    Raises ValueError for what does not fit the bundle.
    """
    spec = bundle.input
    shape = (spec.height, spec.width)
    if "jpeg" in tensors:
        bgr = cv2.imdecode(np.frombuffer(tensors["jpeg"], np.uint8), cv2.IMREAD_COLOR)
        if bgr is None:
            raise ValueError(f"jpeg: {len(tensors['jpeg'])} bytes are not a JPEG")
        rgb = cv2.cvtColor(resize_image(bgr, *shape), cv2.COLOR_BGR2RGB)
    elif "image" in tensors:
        rgb = _array(tensors["image"], np.uint8, (*shape, 3), "image")
    else:
        raise ValueError(f"inputs {', '.join(tensors) or 'none'}: expected image or jpeg")
    if not spec.with_depth or "depth" not in tensors:
        return rgb, None
    return rgb, _array(tensors["depth"], np.float32, shape, "depth")


def _array(data: bytes, kind: type, shape: Tuple[int, ...], name: str) -> np.ndarray:
    expected = int(np.prod(shape)) * np.dtype(kind).itemsize
    if len(data) != expected:
        raise ValueError(f"{name}: {len(data)} bytes; expected are {expected} for {shape} of {np.dtype(kind)}")
    return np.frombuffer(data, kind).reshape(shape)


class SegmentationRuntime(MLModel):
    """One bundle behind MLServer."""

    async def load(self) -> bool:
        """Load the bundle of the model's `uri`; RT_SEG_THREADS limits the engine's threads."""
        self._bundle = load_bundle(await get_model_uri(self._settings))
        self._engine = create_engine(self._bundle, threads=int(os.environ.get("RT_SEG_THREADS", "0")))
        self._requests = WaitingRequests()
        return True

    async def unload(self) -> bool:
        """Release the engine."""
        self._requests.close()
        self._engine.close()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Logits of one image; an error for what does not fit, and for a request that was not worked on."""
        tensors = {entry.name: _bytes_of(entry.name, entry.data) for entry in payload.inputs}
        given = payload.parameters.model_dump() if payload.parameters else {}
        patience = float(given.get("deadline_ms", 1e3 * DEFAULT_PATIENCE)) / 1e3

        def job() -> bytes:
            stream = BytesIO()
            np.save(stream, self._engine.logits(*read_inputs(tensors, self._bundle)), allow_pickle=False)
            return stream.getvalue()

        try:
            logits = await self._requests.run(str(given.get("client", "")), job, patience)
        except (RequestRefused, ValueError) as error:
            raise InferenceError(str(error)) from error
        output = ResponseOutput(name="logits", shape=[1], datatype="BYTES", data=[logits])
        return InferenceResponse(id=payload.id, model_name=self.name, model_version=self.version, outputs=[output])


def _bytes_of(name: str, data: object) -> bytes:
    values: List[object] = list(getattr(data, "root", data))  # type: ignore[call-overload]
    if len(values) != 1 or not isinstance(values[0], bytes):
        raise InferenceError(f"input {name}: expected one element of BYTES")
    return values[0]
