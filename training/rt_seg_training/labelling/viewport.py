"""Which part of an image is shown where: zoom and pan."""

from __future__ import annotations

import cv2
import numpy as np

STEP = 1.25
LARGEST_ZOOM = 32.0


class Viewport:
    """Maps the pixels of an image to those of the part of the window that shows it.

    `scale` is screen pixels per image pixel; `origin` the image's place, (x, y), at the view's upper left corner.
    """

    def __init__(self) -> None:
        self.scale = 1.0
        self.origin = (0.0, 0.0)
        self._picture = (1, 1)
        self._view = (1, 1)
        self._fitted = True

    def place(self, picture: tuple[int, int], view: tuple[int, int]) -> None:
        """Take the sizes (width, height) of image and view; fits the image until somebody zooms or pans."""
        changed = picture != self._picture
        self._picture, self._view = picture, view
        if changed or self._fitted:
            self.fit()

    def fit(self) -> None:
        """Show the whole image, centred."""
        self.scale = min(view / picture for view, picture in zip(self._view, self._picture))
        self._fitted = True
        x, y = (-(view / self.scale - size) / 2 for view, size in zip(self._view, self._picture))
        self.origin = (x, y)

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """Place in the image, in pixels with whole numbers at their centres, of a place in the view."""
        return (self.origin[0] + (x + 0.5) / self.scale - 0.5, self.origin[1] + (y + 0.5) / self.scale - 0.5)

    def to_view(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) int32 places in the view of (N, 2) places in the image, both as (x, y)."""
        return np.rint((points + 0.5 - np.array(self.origin)) * self.scale - 0.5).astype(np.int32)

    def zoom(self, steps: float, x: float, y: float) -> None:
        """Zoom in, or out by negative `steps`, about the place (x, y) of the view."""
        fixed = self.to_picture(x, y)
        smallest = 0.5 * min(view / picture for view, picture in zip(self._view, self._picture))
        self.scale = float(np.clip(self.scale * STEP**steps, smallest, LARGEST_ZOOM))
        self._fitted = False
        now = self.to_picture(x, y)
        self.origin = (self.origin[0] + fixed[0] - now[0], self.origin[1] + fixed[1] - now[1])

    def pan(self, x: float, y: float) -> None:
        """Move the image by (x, y) pixels of the view, as far as some of it stays in sight."""
        self._fitted = False
        moved = []
        for origin, shift, picture, view in zip(self.origin, (x, y), self._picture, self._view):
            margin = min(40.0, view / 4) / self.scale
            moved.append(float(np.clip(origin - shift / self.scale, margin - view / self.scale, picture - margin)))
        self.origin = (moved[0], moved[1])

    def draw(self, picture: np.ndarray, nearest: bool = False) -> np.ndarray:
        """The view of an image, (H, W) or (H, W, 3) uint8; black beside it."""
        # (x + 0.5) * scale - 0.5: pixels are areas, their centres at whole numbers.
        offset = [-(origin * self.scale) + (self.scale - 1) / 2 for origin in self.origin]
        matrix = np.array([[self.scale, 0, offset[0]], [0, self.scale, offset[1]]])
        # Large pixels show as squares: what is labelled are pixels.
        flags = cv2.INTER_NEAREST if nearest or self.scale >= 4 else cv2.INTER_LINEAR
        return cv2.warpAffine(picture, matrix, self._view, flags=flags)
