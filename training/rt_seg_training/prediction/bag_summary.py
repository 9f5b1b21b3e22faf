"""Summary of a bag over time: class shares, uncertain spans, thumbnails."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import cv2
import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelSet
from rt_seg_training.html_page import encoded, render

TEMPLATE = Path(__file__).with_suffix(".html")
UNSURE_BELOW = 0.75
"""Mean probability of an image's classes below which the model is unsure of it."""
SPAN_GAP = 1.0
"""Seconds between two unsure images that still make one span."""
THUMBNAILS, THUMBNAIL_WIDTH = 12, 200


class BagSummary:
    """Collects what is made of each image of a bag, and writes it as JSON, CSV and HTML."""

    def __init__(self, name: str, labels: LabelSet, images: int) -> None:
        """`images`: about how many there will be; thumbnails are spread over them."""
        self._name, self._labels = name, labels
        self._every = max(images // THUMBNAILS, 1)
        self._times: list[int] = []
        self._shares: list[np.ndarray] = []
        self._confidences: list[float] = []
        self._thumbnails: list[tuple[int, bytes]] = []

    def add(self, time: int, mask: np.ndarray, overlay: np.ndarray, confidence: float) -> None:
        """Take in an image: recorded at `time` nanoseconds; its mean confidence, 0..1."""
        if len(self._times) % self._every == 0 and len(self._thumbnails) < THUMBNAILS:
            height = round(overlay.shape[0] * THUMBNAIL_WIDTH / overlay.shape[1])
            small = cv2.resize(overlay, (THUMBNAIL_WIDTH, height), interpolation=cv2.INTER_AREA)
            self._thumbnails.append((time, encoded(small, ".jpg", quality=80)))
        self._times.append(time)
        self._shares.append(np.bincount(mask.ravel(), minlength=256)[: len(self._labels)] / mask.size)
        self._confidences.append(confidence)

    def unsure_spans(self) -> list[tuple[float, float]]:
        """Begin and end in seconds from the first image, of images below UNSURE_BELOW."""
        spans: list[tuple[float, float]] = []
        for time, confidence in zip(self._times, self._confidences):
            if confidence >= UNSURE_BELOW:
                continue
            second = (time - self._times[0]) / 1e9
            if spans and second - spans[-1][1] <= SPAN_GAP:
                spans[-1] = (spans[-1][0], second)
            else:
                spans.append((second, second))
        return spans

    def write(self, target: Path) -> None:
        """Write TARGET_summary.json, .csv and .html."""
        for ending, text in (("json", self._json()), ("csv", self._csv()), ("html", self._html())):
            write_atomically(target.with_name(f"{target.name}_summary.{ending}"), text.encode("utf-8"))

    def _mean_shares(self) -> dict[str, float]:
        means = np.mean(self._shares, axis=0) if self._shares else np.zeros(len(self._labels))
        return {name: round(float(mean), 6) for name, mean in zip(self._labels.names, means)}

    def _json(self) -> str:
        confidences = [round(value, 4) for value in self._confidences]
        return json.dumps(
            {
                "bag": self._name,
                "images": len(self._times),
                "first_time_ns": self._times[0] if self._times else None,
                "seconds": (self._times[-1] - self._times[0]) / 1e9 if self._times else 0.0,
                "mean_shares": self._mean_shares(),
                "mean_confidence": round(float(np.mean(confidences)), 4) if confidences else None,
                "unsure_below": UNSURE_BELOW,
                "unsure_spans": [[round(begin, 3), round(end, 3)] for begin, end in self.unsure_spans()],
            },
            indent=1,
        ) + "\n"  # fmt: skip

    def _csv(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["time_ns", "confidence", *self._labels.names])
        for time, confidence, shares in zip(self._times, self._confidences, self._shares):
            writer.writerow([time, f"{confidence:.4f}", *(f"{share:.5f}" for share in shares)])
        return text.getvalue()

    def _html(self) -> str:
        means = self._mean_shares()
        first = self._times[0] if self._times else 0
        span = max(self._times[-1] - first, 1) if len(self._times) > 1 else 0
        lines = []
        if span:  # shares of the classes over time: one line each, in its colour
            places = [1000.0 * (time - first) / span for time in self._times]
            for label in self._labels.labels:
                points = [f"{x:.1f},{200 - 200 * share[label.id]:.1f}" for x, share in zip(places, self._shares)]
                lines.append((label.name, label.color if any(label.color) else (120, 120, 120), " ".join(points)))
        return render(
            TEMPLATE,
            name=self._name,
            images=len(self._times),
            unsure_below=UNSURE_BELOW,
            spans=self.unsure_spans(),
            lines=lines,
            classes=[(label.name, label.color, means[label.name]) for label in self._labels.labels],
            thumbnails=[((time - first) / 1e9, data) for time, data in self._thumbnails],
        )
