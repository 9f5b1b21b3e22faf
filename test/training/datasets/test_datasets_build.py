"""Building with TFDS and loading again: content, labels, rebuilding, and the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
import yaml
from PIL import Image

from rt_seg.labels import load_labels
from rt_seg_training.commands.build_dataset import main
from rt_seg_training.datasets.building import build_dataset, describe
from rt_seg_training.datasets.camvid.camvid_source import read_camvid
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.layouts import LAYOUTS
from rt_seg_training.datasets.loading import load_dataset
from rt_seg_training.datasets.packaged_labels import packaged_labels

ROOT = Path(__file__).resolve().parents[3]
LABELS = {
    "ignore_id": 255,
    "classes": [
        {"id": 0, "name": "background", "color": [0, 0, 0]},
        {"id": 1, "name": "peg", "color": [230, 60, 60]},
    ],
}


def real_data(name):
    folder = Path(os.environ.get("RT_SEG_DATA") or ROOT.parent / "shared" / "data") / name
    if not folder.is_dir():
        pytest.skip(f"real data set {name!r} is not there ({folder}); set RT_SEG_DATA to the folder that holds it")
    return folder


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "pegs"
    (folder / "rgb").mkdir(parents=True)
    (folder / "gt").mkdir()
    random = np.random.default_rng(3)
    for number in range(6):
        Image.fromarray(random.integers(0, 256, (6, 8, 3), np.uint8)).save(folder / "rgb" / f"{number:03d}.png")
        Image.fromarray(random.integers(0, 2, (6, 8), np.uint8)).save(folder / "gt" / f"{number:03d}_mask.png")
    (folder / "labels.yaml").write_text(yaml.safe_dump(LABELS))
    (folder / "splits.yaml").write_text("train: ['000', '001', '003', '005']\nvalidation: ['002', '004']\n")
    return folder


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "built"


def by_name(dataset, split):
    return {example["name"].numpy().decode(): example for example in dataset.examples(split)}


def test_built_pictures_and_labels_equal_the_files(source, data_dir):
    dataset, written = build_dataset("custom", source, data_dir=data_dir)
    assert written
    assert dataset.splits == {"train": 4, "validation": 2}
    examples = by_name(dataset, "train+validation")
    assert sorted(examples) == ["000", "001", "002", "003", "004", "005"]
    for name, example in examples.items():
        assert example["image"].numpy().tolist() == np.asarray(Image.open(source / "rgb" / f"{name}.png")).tolist()
        assert example["label"].shape == (6, 8, 1)
        mask = np.asarray(Image.open(source / "gt" / f"{name}_mask.png"))
        assert example["label"].numpy()[..., 0].tolist() == mask.tolist()


def test_jpeg_grey_and_rotated_pictures_come_back_as_they_look(source, data_dir):
    exif = Image.Exif()
    exif[274] = 6
    picture = Image.new("RGB", (6, 8), (200, 30, 30))
    picture.paste((20, 20, 220), (0, 0, 6, 4))
    (source / "rgb" / "000.png").unlink()
    picture.save(source / "rgb" / "000.jpg", exif=exif, quality=95)
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(source / "rgb" / "001.png")
    dataset, _ = build_dataset("custom", source, data_dir=data_dir)
    examples = by_name(dataset, "train")
    rotated = examples["000"]["image"].numpy()
    assert rotated.shape == (6, 8, 3)
    assert rotated[3, 7, 2] > 150 > rotated[3, 0, 2]
    assert examples["001"]["image"].numpy()[..., 1].tolist() == np.arange(48).reshape(6, 8).tolist()


def test_labels_travel_with_the_built_set(source, data_dir):
    build_dataset("custom", source, name="other", data_dir=data_dir)
    (source / "labels.yaml").unlink()
    for name in ("custom/other", "other", data_dir / "custom" / "other", data_dir / "custom" / "other" / "1.0.0"):
        dataset = load_dataset(name, data_dir)
        assert dataset.labels.to_dict() == LABELS
        assert dataset.name == "custom/other"
        assert sum(dataset.pixels["train"]) == 4 * 48


def test_default_data_dir_is_that_of_tfds(source, data_dir, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
    build_dataset("custom", source)
    assert load_dataset("pegs").folder == data_dir / "custom" / "pegs" / "1.0.0"


def test_unchanged_source_is_not_built_again_and_a_changed_one_is(source, data_dir):
    build_dataset("custom", source, data_dir=data_dir)
    assert build_dataset("custom", source, data_dir=data_dir)[1] is False
    assert build_dataset("custom", source, data_dir=data_dir, overwrite=True)[1] is True
    Image.fromarray(np.ones((6, 8), np.uint8)).save(source / "gt" / "002_mask.png")
    dataset, written = build_dataset("custom", source, data_dir=data_dir)
    assert written
    assert by_name(dataset, "validation")["002"]["label"].numpy().all()


def test_bad_source_leaves_the_built_set_and_no_litter(source, data_dir):
    build_dataset("custom", source, data_dir=data_dir)
    Image.fromarray(np.full((6, 8), 9, np.uint8)).save(source / "gt" / "002_mask.png")
    with pytest.raises(DatasetError, match=r"002_mask\.png: label value 9 is outside the class list"):
        build_dataset("custom", source, data_dir=data_dir)
    assert load_dataset("pegs", data_dir).splits == {"train": 4, "validation": 2}
    assert [path.name for path in data_dir.iterdir()] == ["custom"]


def test_build_is_the_same_each_time(source, data_dir, tmp_path):
    first, _ = build_dataset("custom", source, data_dir=data_dir)
    second, _ = build_dataset("custom", source, data_dir=tmp_path / "again")
    assert list(by_name(first, "train")) == list(by_name(second, "train"))


def test_split_expressions_are_counted_and_unknown_ones_refused(source, data_dir):
    dataset, _ = build_dataset("custom", source, data_dir=data_dir)
    assert dataset.count("train+validation") == 6
    assert dataset.count("train[:50%]") == 2
    with pytest.raises(DatasetError, match="split 'test' is not known; accepted are train, validation"):
        dataset.examples("test")


def test_absent_data_set_is_named_with_those_there_are(source, data_dir):
    with pytest.raises(DatasetError, match=r"'nope': not found in .*built; nothing is built there"):
        load_dataset("nope", data_dir)
    build_dataset("custom", source, data_dir=data_dir)
    with pytest.raises(DatasetError, match="built there: custom/pegs"):
        load_dataset("nope", data_dir)


def test_names_that_are_no_folder_names_are_refused(source, data_dir):
    with pytest.raises(DatasetError, match=r"name '1\.0/x': accepted are letters"):
        build_dataset("custom", source, name="1.0/x", data_dir=data_dir)


def test_description_shows_counts_and_shares_and_what_lint_dataset_doubts(source, data_dir):
    for path in (source / "gt").iterdir():
        if not path.name.startswith("001"):
            Image.fromarray(np.zeros((6, 8), np.uint8)).save(path)
    dataset = build_dataset("custom", source, data_dir=data_dir)[0]
    text = describe(dataset)
    assert "100.00 %" in text
    assert "warning: validation: no pixel of peg" in text
    assert any("5 of 6 masks hold only class 0" in warning for warning in dataset.warnings)


def test_masks_without_any_object_are_refused_by_building(source, data_dir):
    for path in (source / "gt").iterdir():
        Image.fromarray(np.zeros((6, 8), np.uint8)).save(path)
    with pytest.raises(DatasetError, match="no pixel of peg: the 6 masks hold only background"):
        build_dataset("custom", source, data_dir=data_dir)


def test_command_builds_and_refuses_with_one_line_and_code_2(source, data_dir, capsys):
    assert main(["custom", str(source), "--data-dir", str(data_dir)]) == 0
    assert "built: custom/pegs" in capsys.readouterr().out
    assert main(["custom", str(source), "--data-dir", str(data_dir)]) == 0
    assert "up to date" in capsys.readouterr().out
    (source / "gt" / "002_mask.png").unlink()
    assert main(["custom", str(source), "--data-dir", str(data_dir)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "002.png: image without its mask" in lines[0]


def test_data_dir_that_cannot_be_made_is_named(source, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["custom", str(source), "--data-dir", str(tmp_path / "file" / "sets")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert str(tmp_path / "file") in lines[0]


def add_depth(source, names=("000", "001", "002", "003", "004")):
    (source / "depth").mkdir()
    depth = {name: np.arange(48, dtype=np.uint16).reshape(6, 8) * 300 + int(name) for name in names}
    for name, millimetres in depth.items():
        Image.fromarray(millimetres).save(source / "depth" / f"{name}_depth.png")
    return depth


def test_depth_comes_back_in_millimetres_with_its_validity_and_only_if_asked_for(source, data_dir):
    depth = add_depth(source)
    dataset, _ = build_dataset("custom", source, data_dir=data_dir)
    assert dataset.has_depth
    assert set(next(iter(dataset.examples("train").as_numpy_iterator()))) == {"image", "label", "name"}
    examples = {e["name"].decode(): e for e in dataset.examples("train+validation", depth=True).as_numpy_iterator()}
    for name, example in examples.items():
        expected = depth.get(name, np.zeros((6, 8), np.uint16))  # 005 has none: no reading anywhere
        assert example["depth"].dtype == np.uint16 and example["valid"].dtype == bool
        np.testing.assert_array_equal(example["depth"][..., 0], expected)
        np.testing.assert_array_equal(example["valid"], example["depth"] > 0)


@pytest.mark.slow
def test_a_set_with_depth_feeds_a_network_with_depth(source, data_dir):
    from rt_seg_training.configuration import TrainingConfiguration
    from rt_seg_training.input_pipeline import batches as pipeline

    add_depth(source, ["002", "004"])
    dataset, _ = build_dataset("custom", source, data_dir=data_dir)
    settings = TrainingConfiguration(
        dataset="pegs", train_split="train", validation_split="validation", net="ddrnet_23_slim_rgbd", steps=1,
        height=6, width=8, crop_height=6, crop_width=8, batch_size=2, depth_noise=0.0, depth_dropout=0.0,
    )  # fmt: skip
    examples = dataset.examples("train", depth=True)
    (images, depth), labels = next(iter(pipeline.training_batches(examples, dataset.count("train"), settings, 255)))
    assert images.shape == (2, 6, 8, 3) and depth.shape == labels.shape == (2, 6, 8, 1)
    examples = dataset.examples("validation", depth=True)
    (_, depth), _ = next(iter(pipeline.validation_batches(examples, settings)))
    assert abs(float(depth[0, 5, 7, 0]) - 14.1) < 0.01, "millimetres of the file, metres of the network"


def test_depth_asked_of_a_set_without_names_the_set_and_what_to_do(source, data_dir):
    dataset, _ = build_dataset("custom", source, data_dir=data_dir)
    with pytest.raises(DatasetError, match="custom/pegs: was built without depth.*Put depth images into depth/"):
        dataset.examples("train", depth=True)


def test_a_zip_with_depth_builds_as_its_folder_does(source, data_dir, tmp_path):
    add_depth(source)
    archive = shutil.make_archive(str(tmp_path / "pegs"), "zip", source.parent, source.name)
    plain, _ = build_dataset("custom", source, data_dir=data_dir)
    zipped, _ = build_dataset("custom", archive, name="zipped", data_dir=data_dir)
    for one, other in zip(plain.examples("train", depth=True), zipped.examples("train", depth=True)):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


def test_frames_that_the_node_saves_build_with_their_depth(data_dir, tmp_path):
    from rt_seg.labels import labels_from_dict
    from rt_seg.products.frame_folder import FrameFolder

    labels = labels_from_dict(LABELS, "labels")
    folder = FrameFolder(tmp_path / "frames", limit=10)
    random = np.random.default_rng(0)
    mask = np.tile(np.array([0, 1], np.uint8), (6, 4))
    for number in range(3):
        depth = np.full((6, 8), 1.25 + number, np.float32)
        depth[0] = np.nan
        folder.save(number * 10**9, random.integers(0, 256, (6, 8, 3), np.uint8), mask, labels, depth)
    dataset, _ = build_dataset("custom", tmp_path / "frames", data_dir=data_dir)
    middles = sorted(int(e["depth"][3, 3, 0]) for e in dataset.examples("train", depth=True).as_numpy_iterator())
    assert middles == [1250, 2250, 3250]
    assert not any(e["valid"][0].any() for e in dataset.examples("train", depth=True).as_numpy_iterator())


@pytest.mark.parametrize("zipped", [False, True])
def test_builders_work_in_plain_tfds_with_its_manual_folder(source, data_dir, tmp_path, zipped):
    import tensorflow_datasets as tfds

    from rt_seg_training.datasets.custom.custom_dataset_builder import Builder

    add_depth(source)
    manual_dir = source
    if zipped:
        manual_dir = tmp_path / "manual"
        shutil.make_archive(str(manual_dir / "pegs"), "zip", source)
    builder = Builder(data_dir=data_dir)
    assert builder.name == "custom"
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual_dir))
    dataset = load_dataset("custom", data_dir)
    assert dataset.splits == {"train": 4, "validation": 2}
    assert next(iter(dataset.examples("train", depth=True)))["depth"].shape == (6, 8, 1)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_builder_is_where_the_command_of_tfds_looks_for_it(layout, monkeypatch):
    # `tfds build FOLDER` imports <name>.<name>_dataset_builder from the folder above FOLDER.
    from tensorflow_datasets.core.community import builder_cls_from_module

    monkeypatch.syspath_prepend(ROOT / "training" / "rt_seg_training" / "datasets")
    assert builder_cls_from_module(f"{layout}.{layout}_dataset_builder").name == layout


def test_help_is_quick_and_loads_no_tensorflow():
    program = (
        "import sys; from rt_seg_training.commands.build_dataset import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'tensorflow', 'tensorflow_datasets', 'rospy'} & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "training")])}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60, stdout=subprocess.DEVNULL)


def camvid_folder(folder, frames):
    for split, stems in frames.items():
        (folder / split).mkdir(parents=True)
        (folder / f"{split}annot").mkdir()
        for stem in stems:
            Image.new("RGB", (8, 6)).save(folder / split / f"{stem}.png")
            mask = np.tile(np.arange(8, dtype=np.uint8), (6, 1))
            Image.fromarray(mask).save(folder / f"{split}annot" / f"{stem}.png")
    return folder


def test_camvid_parts_the_validation_drive_from_the_others(tmp_path, data_dir):
    train = ["0001TP_1", "0006R0_f2", "0016E5_3", "0016E5_4"]
    folder = camvid_folder(tmp_path / "camvid", {"train": train, "val": ["0016E5_5"], "test": ["Seq05VD_6"]})
    dataset, _ = build_dataset("camvid", folder, data_dir=data_dir)
    assert dataset.splits == {"train_other_drives": 2, "train_val_drive": 2, "validation": 1, "test": 1}
    assert sorted(by_name(dataset, "train_other_drives+train_val_drive")) == train
    assert dataset.labels == load_labels(ROOT / "config" / "labels" / "camvid.yaml")


def test_real_camvid_has_the_official_counts():
    splits = read_camvid(real_data("camvid")).splits
    counts = {split: len(pairs) for split, pairs in splits.items() if split != "test"}
    assert counts == {"train_other_drives": 163, "train_val_drive": 204, "validation": 101}
    assert {pair.name[:6] for pair in splits["train_other_drives"]} == {"0001TP", "0006R0"}
    assert {pair.name[:6] for pair in splits["train_val_drive"] + splits["validation"]} == {"0016E5"}


def test_packaged_labels_that_are_not_there_are_named():
    assert packaged_labels("camvid") == load_labels(ROOT / "config" / "labels" / "camvid.yaml")
    with pytest.raises(DatasetError, match=r"config/labels/nope\.yaml: not found"):
        packaged_labels("nope")


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_built_jpeg_has_the_pixels_of_opencv_and_pillow(tmp_path, subsampling, progressive):
    coarse = np.random.default_rng(4).integers(0, 256, (9, 12, 3), np.uint8)
    image = cv2.resize(coarse, (157, 119), interpolation=cv2.INTER_CUBIC)
    source = tmp_path / "jpegs"
    for folder in ("rgb", "gt"):
        (source / folder).mkdir(parents=True)
    for number in range(2):
        options = {"quality": 80, "subsampling": subsampling, "progressive": progressive}
        Image.fromarray(image).save(source / "rgb" / f"{number}.jpg", **options)
        cv2.imwrite(str(source / "gt" / f"{number}.png"), (image[..., 0] > 99).astype(np.uint8))
    classes = [{"id": 0, "name": "none", "color": [0, 0, 0]}, {"id": 1, "name": "thing", "color": [255, 0, 0]}]
    (source / "labels.yaml").write_text(yaml.safe_dump({"ignore_id": 255, "classes": classes}))
    dataset, _ = build_dataset("custom", source, data_dir=tmp_path / "data")
    example = next(iter(tfds.as_numpy(dataset.examples("train"))))
    expected = cv2.cvtColor(cv2.imread(str(source / "rgb" / "0.jpg")), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(example["image"], expected)
    np.testing.assert_array_equal(example["image"], np.asarray(Image.open(source / "rgb" / "0.jpg")))


def test_camvid_with_the_test_part_alone_builds(tmp_path, data_dir):
    for folder, kind in (("test", "RGB"), ("testannot", "L")):
        (tmp_path / "camvid" / folder).mkdir(parents=True)
        Image.new(kind, (8, 6)).save(tmp_path / "camvid" / folder / "Seq05VD_f00000.png")
    labels = np.arange(48, dtype=np.uint8).reshape(6, 8) % 12
    Image.fromarray(labels).save(tmp_path / "camvid" / "testannot" / "Seq05VD_f00000.png")
    dataset, _ = build_dataset("camvid", tmp_path / "camvid", data_dir=data_dir)
    assert dataset.splits == {"test": 1}
    shutil.rmtree(tmp_path / "camvid" / "testannot")
    with pytest.raises(DatasetError, match="has no folder testannot/, the labels of test/"):
        read_camvid(tmp_path / "camvid")


def test_a_set_is_built_again_when_the_value_of_the_foreground_is_another(source, data_dir):
    for path in (source / "gt").iterdir():
        mask = np.asarray(Image.open(path))
        Image.fromarray(mask * np.uint8(255)).save(path)
    assert main(["custom", str(source), "--data-dir", str(data_dir)]) == 2
    assert main(["custom", str(source), "--data-dir", str(data_dir), "--foreground", "255"]) == 0
    dataset, written = build_dataset("custom", source, data_dir=data_dir, foreground=255)
    assert not written and dataset.pixels["train"][1] > 0 and dataset.pixels["train"][255] == 0
