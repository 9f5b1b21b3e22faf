"""An evaluation as one HTML page that holds all it shows, so that it can be sent or kept as a single file."""
from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from rt_seg.labels import LabelSet
from rt_seg.products.depth_picture import SHOWN, depth_picture
from rt_seg_training.evaluation.evaluation import Evaluation, WorstFrame
from rt_seg_training.evaluation.figures import confusion_figure, curves_figure, reliability_figure

PICTURE_WIDTH = 480
"""Pixels to which the images of the worst frames are made smaller."""
IGNORED_COLOR = (255, 255, 255)

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2733; max-width: 1180px; margin: 2em auto; padding: 0 1.5em; }
h1 { margin-bottom: 0.2em; } h2 { margin-top: 2em; border-bottom: 1px solid #d5dbe1; padding-bottom: 0.2em; }
table { border-collapse: collapse; } td, th { padding: 0.25em 0.8em; text-align: right; vertical-align: top; }
td:first-child, th:first-child, .words td { text-align: left; } tbody tr:nth-child(odd) { background: #f4f6f8; }
.number { display: inline-block; margin: 0.4em 2.2em 0.4em 0; } .number b { display: block; font-size: 1.6em; }
.swatch { display: inline-block; width: 0.9em; height: 0.9em; border: 1px solid #8a939c; vertical-align: -0.1em; }
.legend span { margin-right: 1.2em; white-space: nowrap; } .warning { background: #fff3cd; padding: 0.6em 1em; }
.bar { background: linear-gradient(#9ec5e8, #9ec5e8) no-repeat right / 0 100%; }
img { max-width: 100%; } figure { margin: 1em 0; } figure img { width: 33%; margin-right: 0.3%; }
figure.four img { width: 24.6%; }
.side { display: flex; flex-wrap: wrap; gap: 2em; } .side img { max-width: 560px; } .quiet { color: #5b6772; }
"""


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _small(picture: np.ndarray, interpolation: int) -> np.ndarray:
    height, width = picture.shape[:2]
    if width <= PICTURE_WIDTH:
        return picture
    return cv2.resize(picture, (PICTURE_WIDTH, round(height * PICTURE_WIDTH / width)), interpolation=interpolation)


def _picture(rgb: np.ndarray, suffix: str, words: str) -> str:
    data = cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes()
    kind = "jpeg" if suffix == ".jpg" else "png"
    return f'<img src="{_data_uri(data, kind)}" alt="{escape(words)}" title="{escape(words)}">'


def _figure(png: bytes, words: str) -> str:
    return f'<img src="{_data_uri(png, "png")}" alt="{escape(words)}">'


def _swatch(color: Iterable[int]) -> str:
    return f'<i class="swatch" style="background:rgb({",".join(map(str, color))})"></i>'


def _class_table(result: Evaluation) -> str:
    columns = result.class_columns()
    rows = []
    for label in result.scores.labels.labels:
        cells = []
        for values in columns.values():
            value = 100 * values[label.id]
            # A coloured bar behind each number, as wide as the number is large.
            cells.append(
                "<td>–</td>" if np.isnan(value)
                else f'<td class="bar" style="background-size:{value:.0f}% 100%">{value:.2f}</td>'
            )  # fmt: skip
        rows.append(f"<tr><td>{_swatch(label.color)} {escape(label.name)}</td>{''.join(cells)}</tr>")
    heads = "".join(f"<th>{escape(head)}</th>" for head in columns)
    return f"<table><thead><tr><th>class, in %</th>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _worst_frame(frame: WorstFrame, labels: LabelSet) -> str:
    table = labels.color_table
    table[labels.ignore_id] = IGNORED_COLOR
    image = _picture(_small(frame.image, cv2.INTER_AREA), ".jpg", f"{frame.name}: image")
    depth = ""
    if frame.depth is not None:
        depth = _picture(_small(depth_picture(frame.depth), cv2.INTER_NEAREST), ".png", f"{frame.name}: depth")
    masks = [
        _picture(table[_small(mask, cv2.INTER_NEAREST)], ".png", f"{frame.name}: {words}")
        for mask, words in ((frame.truth, "ground truth"), (frame.prediction, "prediction"))
    ]
    caption = f"{escape(frame.name)}: mean IoU {100 * frame.mean_iou:.1f} %"
    four = ' class="four"' if depth else ""
    return f"<figure{four}>{image}{depth}{''.join(masks)}<figcaption>{caption}</figcaption></figure>"


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key.replace('_', ' ')}: {item}" for key, item in value.items())
    if isinstance(value, list) and len(value) == 2 and all(isinstance(item, int) for item in value):
        return f"{value[0]} × {value[1]}"
    return ", ".join(map(_words, value)) if isinstance(value, list) else str(value)


def html_report(
    result: Evaluation,
    title: str,
    protocol: Mapping[str, Any],
    warnings: Iterable[str] = (),
    history: Path | None = None,
) -> str:
    """The page: headline numbers, protocol, classes, confusion matrix, reliability, curves, and the worst frames.

    Args:
        title: of the page, plain text.
        protocol: what was measured on what, plain values; a row each.
        warnings: sentences that stand at the top.
        history: history.csv of the training, if there is one.
    """
    labels = result.scores.labels
    numbers = "".join(
        f'<div class="number"><b>{escape(value)}</b>{escape(name)}</div>' for name, value in result.summary().items()
    )
    rows = "".join(
        f"<tr><td>{escape(name.replace('_', ' '))}</td><td>{escape(_words(value))}</td></tr>"
        for name, value in protocol.items()
    )
    legend = "".join(f"<span>{_swatch(label.color)} {escape(label.name)}</span>" for label in labels.labels)
    shown = "Image, ground truth, prediction"
    if any(frame.depth is not None for frame in result.worst):
        depth = f"depth (red {SHOWN[0]:g} m to blue {SHOWN[1]:g} m, black without a reading)"
        shown = f"Image, {depth}, ground truth, prediction"
    curves = _figure(curves_figure(history), "curves") if history else "There is no history.csv in the model's folder."
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1>
{"".join(f'<p class="warning">{escape(warning)}</p>' for warning in warnings)}
<div>{numbers}</div>
<h2>Protocol</h2><table class="words"><tbody>{rows}</tbody></table>
<h2>Classes</h2>{_class_table(result)}
<p class="quiet">Recall is the accuracy of the class, share its share of the true pixels. Boundary IoU counts the pixels
within 2 % of the image's diagonal of an outline (Cheng et al. 2021).</p>
<div class="side"><div><h2>Confusion matrix</h2>{_figure(confusion_figure(result.scores), "confusion matrix")}</div>
<div><h2>Reliability</h2>{_figure(reliability_figure(result.calibration), "reliability curve")}
<p class="quiet">Below the line the segmenter is surer than it should be.</p></div></div>
<h2>Training</h2><p>{curves}</p>
<h2>Worst frames</h2><p class="quiet">{shown}; the frames with the smallest mean IoU of their own.</p>
<p class="legend">{legend}<span>{_swatch(IGNORED_COLOR)} not counted</span></p>
{"".join(_worst_frame(frame, labels) for frame in result.worst)}
</body></html>
"""
