"""Models of the SAM kind that somebody has as ONNX files: an encoder of the image and a decoder of clicks.

Kirillov et al., "Segment Anything", ICCV 2023; names and shapes as its repository's ONNX export gives the decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from rt_seg_training.clicks.click_model import ClickModelError
from rt_seg_training.clicks.simulated_clicks import Click

ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
DECODER_INPUTS = ("image_embeddings", "point_coords", "point_labels", "mask_input", "has_mask_input", "orig_im_size")
DECODER_OUTPUTS = ("masks", "iou_predictions", "low_res_masks")
MEAN, STD = np.array([123.675, 116.28, 103.53], np.float32), np.array([58.395, 57.12, 57.375], np.float32)


class SamModel:
    """`folder`/encoder.onnx and decoder.onnx. Raises ClickModelError where a file or an input is not as expected.

    The encoder takes one image, (1, 3, S, S) or (1, S, S, 3), float32 normalised as SAM's or uint8 RGB: the longer side
    is S, the rest is filled with 0. Its answer is the decoder's image_embeddings.
    """

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        folder = folder.expanduser()
        for name in (ENCODER, DECODER):
            if not (folder / name).is_file():
                raise ClickModelError(f"{folder / name}: not found; a segmenter is a folder with {ENCODER}, {DECODER}")
        try:
            self._encoder, self._decoder = (
                onnxruntime.InferenceSession(str(folder / name), providers=["CPUExecutionProvider"])
                for name in (ENCODER, DECODER)
            )
        except Exception as error:  # ONNX Runtime has a type of its own for every fault
            raise ClickModelError(f"{folder}: ONNX Runtime refuses it ({error})") from error
        inputs = self._encoder.get_inputs()
        shape = inputs[0].shape
        if len(inputs) != 1 or len(shape) != 4 or 3 not in (shape[1], shape[3]):
            raise ClickModelError(
                f"{folder / ENCODER}: takes {shape}; accepted is one image, (1, 3, S, S) or (1, S, S, 3)"
            )
        self._channels_first = shape[1] == 3
        side = shape[2]
        if not isinstance(side, int):
            raise ClickModelError(f"{folder / ENCODER}: its image has no fixed size ({shape}); export it with one")
        self._side, self._input = side, inputs[0]
        wanted = {value.name: value for value in self._decoder.get_inputs()}
        missing = [name for name in DECODER_INPUTS if name not in wanted]
        names = [value.name for value in self._decoder.get_outputs()]
        missing += [name for name in DECODER_OUTPUTS if name not in names]
        if missing:
            has = ", ".join([*wanted, *names])
            raise ClickModelError(f"{folder / DECODER}: lacks {', '.join(missing)}; it has {has}")
        low = wanted["mask_input"].shape
        self._low_shape = tuple(value if isinstance(value, int) else 256 for value in low)
        self._image: np.ndarray | None = None
        self._embeddings: np.ndarray | None = None
        self._last: tuple[tuple[Click, ...], np.ndarray] | None = None
        self.description = f"segmenter {folder.name}"

    def _encode(self, image: np.ndarray) -> None:
        # Once for each image: it is by far the most work.
        if self._image is not None and self._image.shape == image.shape and np.array_equal(self._image, image):
            return
        scale = self._side / max(image.shape[:2])
        size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
        resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        is_float = "float" in self._input.type
        values = (resized.astype(np.float32) - MEAN) / STD if is_float else resized
        square = np.zeros((self._side, self._side, 3), values.dtype)
        square[: size[1], : size[0]] = values
        fed = square.transpose(2, 0, 1)[None] if self._channels_first else square[None]
        self._embeddings = self._encoder.run(None, {self._input.name: np.ascontiguousarray(fed)})[0]
        self._image, self._last = image.copy(), None

    def mask(self, image: np.ndarray, clicks: Sequence[Click], before: np.ndarray | None = None) -> np.ndarray:
        """See ClickModel; `before` is kept by the model itself, at its own resolution."""
        if not clicks:
            raise ValueError("no click, so there is nothing to look for")
        self._encode(image)
        scale = self._side / max(image.shape[:2])
        # The last point, of label -1, says that there is no box.
        points = [[(click.x + 0.5) * scale, (click.y + 0.5) * scale] for click in clicks] + [[0.0, 0.0]]
        labels = [float(click.adds) for click in clicks] + [-1.0]
        known = self._last if self._last is not None and self._last[0] == tuple(clicks[:-1]) else None
        low = np.zeros(self._low_shape, np.float32) if known is None else known[1]
        masks, scores, low_masks = self._decoder.run(
            list(DECODER_OUTPUTS),
            {
                "image_embeddings": self._embeddings, "point_coords": np.array([points], np.float32),
                "point_labels": np.array([labels], np.float32), "mask_input": low,
                "has_mask_input": np.array([known is not None], np.float32),
                "orig_im_size": np.array(image.shape[:2], np.float32),
            },
        )  # fmt: skip
        best = int(np.argmax(scores[0]))
        self._last = tuple(clicks), np.ascontiguousarray(low_masks[:, best : best + 1], np.float32)
        if masks.shape[2:] != image.shape[:2]:
            raise ClickModelError(
                f"the decoder returns masks of {masks.shape[2:]} for an image of {image.shape[:2]} (height, width)"
            )
        return masks[0, best] > 0
