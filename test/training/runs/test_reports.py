"""What a run shows of itself."""

import csv
import io

import cv2
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from rt_seg.labels import labels_from_dict
from rt_seg_training.input_pipeline.batches import normalize
from rt_seg_training.nets.normalization import IMAGENET_STATISTICS
from rt_seg_training.runs import reports

LABELS = labels_from_dict(
    {"classes": [{"id": 0, "name": "floor", "color": [9, 0, 0]}, {"id": 1, "name": "peg", "color": [0, 200, 0]}]}, "t"
)


def _history(path, rows):
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["step", "learning_rate", "loss", "validation_mean_iou"])
        writer.writeheader()
        writer.writerows(rows)


def test_a_panel_shows_the_input_the_truth_and_the_prediction_side_by_side():
    image = np.random.default_rng(0).integers(0, 256, (1, 8, 10, 3)).astype(np.uint8)
    truth = np.random.default_rng(1).integers(0, 2, (1, 8, 10, 1)).astype(np.uint8)
    truth[0, 0] = 255
    batches = tf.data.Dataset.from_tensors((normalize(image), truth)).repeat(5)

    def predict(image, size):
        return tf.ones((1, *size.numpy()), tf.uint8)

    pictures = reports.panels(predict, batches, LABELS, IMAGENET_STATISTICS)
    assert len(pictures) == reports.PANEL_COUNT
    shown, shown_truth, shown_prediction = np.split(pictures[0], 3, axis=1)
    np.testing.assert_array_equal(shown, image[0])
    np.testing.assert_array_equal(shown_truth[1:], LABELS.color_table[truth[0, 1:, :, 0]])
    np.testing.assert_array_equal(shown_truth[0], 0)
    assert (shown_prediction == [0, 200, 0]).all()


def test_curves_show_each_epoch_and_grow_with_the_run(tmp_path):
    rows = [
        {"step": 40 * i, "learning_rate": 0.1 / (i + 1), "loss": 2.0 - i / 2, "validation_mean_iou": i / 4}
        for i in range(3)
    ]
    pictures = []
    for count in (2, 3):
        _history(tmp_path / "history.csv", rows[:count])
        reports.write_curves(tmp_path / "history.csv", tmp_path / "curves.png")
        pictures.append(cv2.imread(str(tmp_path / "curves.png")))
    assert pictures[0].shape == pictures[1].shape
    assert (pictures[0] != pictures[1]).any()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "history.csv"]


def test_tensorboard_gets_the_scalars_and_the_panels(tmp_path):
    class Model:
        optimizer = tf.keras.optimizers.SGD()

    picture = np.full((4, 12, 3), 77, np.uint8)
    report = reports.TensorBoardReport(tmp_path, lambda: [picture])
    report.set_model(Model())
    Model.optimizer.iterations.assign(50)
    report.on_epoch_end(0, {"loss": 0.5})
    found = {}
    for file in tmp_path.glob("events.*"):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                found[value.tag] = (event.step, tf.make_ndarray(value.tensor))
    assert found["loss"] == (50, 0.5)
    step, image = found["input, ground truth, prediction/0"]
    assert step == 50
    np.testing.assert_array_equal(tf.io.decode_png(image[2]), picture)


def test_the_curves_end_at_the_step_of_the_last_validation(tmp_path, monkeypatch):
    rows = [{"step": step, "learning_rate": 0.1, "loss": 1.0, "validation_mean_iou": 0.5} for step in (400, 800, 1000)]
    _history(tmp_path / "history.csv", rows)
    drawn = []
    monkeypatch.setattr("matplotlib.axes.Axes.plot", lambda axes, steps, *rest, **options: drawn.append(steps))
    reports.write_curves(tmp_path / "history.csv", tmp_path / "curves.png")
    assert drawn == [[400, 800, 1000]] * 3


def test_the_bar_of_a_resumed_run_counts_the_steps_done_before(monkeypatch):
    output = io.StringIO()
    shown = {"disable": False, "file": output}
    monkeypatch.setattr(reports, "progress_bar", lambda **options: tqdm(**{**options, **shown}))
    bar = reports.ProgressBar(total_steps=1000, first_step=437)
    bar.on_train_begin()
    bar.on_train_batch_end(438, {"loss": 1.0})
    bar.on_train_end()
    assert "438/1000" in output.getvalue()
