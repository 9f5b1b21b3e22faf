"""The page of an evaluation: what it shows, and that it needs no other file."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from rt_seg.labels import Label, LabelSet
from rt_seg.segmenter import Segmentation
from rt_seg_training.evaluation.evaluation import evaluate_segmenter
from rt_seg_training.evaluation.report import html_report

LABELS = LabelSet((Label(0, "road & <kerb>", (10, 20, 30)), Label(1, "car", (200, 0, 0)), Label(2, "cat", (0, 0, 9))))


class AllRoad:
    def segment(self, rgb, confidence=False, depth=None):
        return Segmentation(np.zeros(rgb.shape[:2], np.uint8), np.full(rgb.shape[:2], 0.5))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    truth = np.zeros((30, 40), np.uint8)
    truth[10:20, 10:20] = 1
    truth[:5] = 255
    examples = [{"image": np.full((30, 40, 3), 90, np.uint8), "label": truth, "name": "<frame>"}]
    history = tmp_path_factory.mktemp("run") / "history.csv"
    history.write_text(
        "epoch,step,learning_rate,loss,validation_loss,validation_mean_iou\n0,5,0.1,2,1.5,0.3\n1,9,0.1,1,1,0.5\n"
    )
    protocol = {"split": "validation", "input_size": [64, 48], "trained_on": {"dataset": "x", "split": "train"}}
    return html_report(evaluate_segmenter(AllRoad(), examples, LABELS), "a < b", protocol, ["mind & care"], history)


def _images(page):
    """The images of the page by their words, decoded to (H, W, 3) uint8 RGB."""
    found = re.findall(r'<img src="data:image/(?:png|jpeg);base64,([^"]+)" alt="([^"]+)"', page)
    return {
        words: cv2.cvtColor(cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), 1), cv2.COLOR_BGR2RGB)
        for data, words in found
    }


def test_the_page_is_one_well_formed_file_with_escaped_names(page):
    class Balance(HTMLParser):
        stack: list = []

        def handle_starttag(self, tag, attrs):
            if tag not in ("img", "meta"):
                self.stack.append(tag)
            for name, value in attrs:
                assert name not in ("src", "href") or value.startswith("data:")

        def handle_endtag(self, tag):
            assert self.stack.pop() == tag

    parser = Balance()
    parser.feed(page)
    assert not parser.stack
    assert "road &amp; &lt;kerb&gt;" in page and "<kerb>" not in page and "<frame>" not in page
    assert "mind &amp; care" in page and "a &lt; b" in page


def test_protocol_and_scores_stand_in_words(page):
    for words in ("64 × 48", "dataset: x, split: train", "frequency-weighted IoU", "expected calibration error", "p99"):
        assert words in page
    assert "90.00" in page  # IoU of the road: 900 of 1000 counted pixels


def test_the_figures_and_the_worst_frame_are_there_in_the_colours_of_the_classes(page):
    images = _images(page)
    assert {"confusion matrix", "reliability curve", "curves"} <= set(images)
    truth, prediction = images["&lt;frame&gt;: ground truth"], images["&lt;frame&gt;: prediction"]
    assert truth[15, 15].tolist() == [200, 0, 0] and truth[25, 5].tolist() == [10, 20, 30]
    assert truth[2, 2].tolist() == [255, 255, 255], "what is not counted is white"
    assert prediction[15, 15].tolist() == [10, 20, 30]
    assert abs(int(images["&lt;frame&gt;: image"][15, 15, 0]) - 90) < 4


def test_frames_with_depth_are_shown_with_it(page):
    assert "Image, ground truth, prediction" in page and "&lt;frame&gt;: depth" not in page
    depth = np.full((30, 40), 700, np.uint16)
    depth[:, 20:] = 0
    label = np.zeros((30, 40), np.uint8)
    example = {"image": np.full((30, 40, 3), 90, np.uint8), "label": label, "name": "a", "depth": depth}
    result = evaluate_segmenter(AllRoad(), [example], LABELS, with_depth=True)
    deep = html_report(result, "x", {})
    picture = _images(deep)["a: depth"].astype(int)
    assert picture[5, 5, 0] > picture[5, 5, 2] and not picture[5, 30].any()
    assert "Image, depth (red 0.2 m to blue 5 m, black without a reading), ground truth, prediction" in deep
