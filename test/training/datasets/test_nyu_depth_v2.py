"""NYU-Depth-V2: the official file and prepared folders in, 40 or 13 classes with depth out."""

import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from PIL import Image

from rt_seg_training.commands.build_dataset import main
from rt_seg_training.datasets.building import build_dataset
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import read_depth, read_image, read_mask
from rt_seg_training.datasets.linting import check_source
from rt_seg_training.datasets.nyu_depth_v2.nyu_depth_v2_source import CLASS_13_OF_40, read_nyu_depth_v2
from rt_seg_training.datasets.packaged_labels import packaged_labels
from rt_seg_training.datasets.pairing import Pair

REAL = Path(os.environ.get("RT_SEG_DATA", "/nonexistent")) / "nyuv2_train"
SCENES = ["kitchen_0001a", "kitchen_0001b", "office_0002", "office_0002", "bedroom_0003", "bedroom_0003", "study_0004",
          "bath_0005", "bath_0005", "dining_room_0007"]  # fmt: skip
TEST_FRAMES = (3, 4, 8)  # counted from 1, as in the official files
HEIGHT, WIDTH, COUNT = 6, 8, len(SCENES)


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """A folder as officially distributed, of ten small frames, and its arrays as MATLAB shows them: (H, W, 3, N)."""
    folder = tmp_path_factory.mktemp("nyu")
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (HEIGHT, WIDTH, 3, COUNT), np.uint8)
    depths = random.uniform(0.7, 9.9, (HEIGHT, WIDTH, COUNT)).astype(np.float32)
    depths[0, 0] = np.nan
    depths[0, 1] = 0
    labels = random.integers(0, 895, (HEIGHT, WIDTH, COUNT)).astype(np.uint16)
    labels[0, 0], labels[0, 1] = 0, 894
    with h5py.File(folder / "nyu_depth_v2_labeled.mat", "w", userblock_size=512) as file:
        for name, array in (("images", images), ("depths", depths), ("labels", labels)):
            file[name] = array.T  # MATLAB writes its arrays with the dimensions reversed
        scenes = file.create_dataset("scenes", (1, COUNT), h5py.ref_dtype)
        for number, scene in enumerate(SCENES):
            letters = np.array([[ord(letter)] for letter in scene], np.uint16)
            scenes[0, number] = file.create_dataset(f"#refs#/{number}", data=letters).ref
    of_raw = random.integers(1, 41, 894)
    scipy.io.savemat(folder / "classMapping40.mat", {"mapClass": of_raw.astype(np.uint8)[None]})
    train = [number for number in range(1, COUNT + 1) if number not in TEST_FRAMES]
    columns = {"trainNdxs": np.array(train)[:, None], "testNdxs": np.array(TEST_FRAMES)[:, None]}
    scipy.io.savemat(folder / "splits.mat", columns)
    return folder, images, depths, labels, of_raw


def test_the_13_classes_gather_the_40_by_name():
    forty, thirteen = packaged_labels("nyu_depth_v2_40").names, packaged_labels("nyu_depth_v2_13").names
    assert (len(forty), len(thirteen), len(CLASS_13_OF_40)) == (40, 13, 40)
    parent = {name: thirteen[CLASS_13_OF_40[number]] for number, name in enumerate(forty)}
    same = {name for name in forty if parent[name] == name}
    assert same == {"bed", "books", "ceiling", "chair", "floor", "picture", "sofa", "table", "wall", "window"}
    assert {parent[name] for name in ("cabinet", "dresser", "bathtub", "other_furniture")} == {"furniture", "objects"}
    expected = {"television": "tv", "door": "wall", "blinds": "window", "curtain": "window", "desk": "table",
                "floor_mat": "floor", "other_prop": "objects", "bookshelf": "furniture"}  # fmt: skip
    assert {name: parent[name] for name in expected} == expected


def test_the_13_classes_of_the_40_are_those_of_the_published_table():
    published = "12 5 6 1 4 9 10 12 13 6 8 6 13 10 6 13 6 7 7 5 7 3 2 6 11 7 7 7 7 7 7 6 7 7 7 7 7 7 6 7"
    assert [number + 1 for number in CLASS_13_OF_40] == [int(number) for number in published.split()], (
        "class13Mapping.mat of github.com/ankurhanda/nyuv2-meta-data"
    )


@pytest.mark.parametrize("classes", [40, 13])
def test_a_built_official_file_holds_its_pixels_classes_and_millimetres(official, tmp_path, classes):
    folder, images, depths, labels, of_raw = official
    dataset, _ = build_dataset("nyu_depth_v2", folder, data_dir=tmp_path, classes=classes)
    assert dataset.name == f"nyu_depth_v2/{classes}_classes" and len(dataset.labels) == classes
    examples = {
        example["name"].decode(): example
        for example in dataset.examples("train+validation+test", depth=True).as_numpy_iterator()
    }
    assert sorted(examples) == [f"{number:04d}" for number in range(1, COUNT + 1)]
    for name, example in examples.items():
        index = int(name) - 1
        np.testing.assert_array_equal(example["image"], images[..., index])
        forty = np.array([0, *of_raw])[labels[..., index]]  # 0: unlabelled
        ids = forty - 1 if classes == 40 else np.array([0, *CLASS_13_OF_40])[forty]
        np.testing.assert_array_equal(example["label"][..., 0], np.where(forty == 0, 255, ids))
        assert example["label"][0, 0, 0] == 255
        millimetres = np.rint(1000.0 * np.nan_to_num(depths[..., index]))
        np.testing.assert_array_equal(example["depth"][..., 0], millimetres)
        np.testing.assert_array_equal(example["valid"][..., 0], millimetres > 0)


def test_the_halves_are_official_and_a_place_is_never_on_both_sides(official):
    splits = read_nyu_depth_v2(official[0] / "nyu_depth_v2_labeled.mat").splits
    numbers = {split: [int(pair.name) for pair in pairs] for split, pairs in splits.items()}
    assert numbers["test"] == list(TEST_FRAMES)
    assert sorted(numbers["train"] + numbers["validation"]) == [1, 2, 5, 6, 7, 9, 10]
    places = {split: {SCENES[number - 1].rstrip("ab") for number in members} for split, members in numbers.items()}
    assert not places["train"] & places["validation"]


def test_frames_are_read_when_they_are_asked_for(official):
    source = read_nyu_depth_v2(official[0])
    pair = source.splits["train"][0]
    assert isinstance(pair, Pair) and str(pair.mask).endswith(f"nyu_depth_v2_labeled.mat, labels {int(pair.name)}")
    assert read_image(pair.image).shape == (HEIGHT, WIDTH, 3)
    assert read_mask(pair.mask).dtype == np.uint8
    assert len(pair.image.read_bytes()) < 500 < pair.image.file.stat().st_size, "more than one frame was read"


@pytest.mark.parametrize(
    ("name", "origin"), [("splits.mat", "indoor_seg_sup/splits.mat"), ("classMapping40.mat", "ankurhanda/nyuv2-meta")]
)
def test_a_missing_companion_file_is_named_with_where_it_is_found(official, tmp_path, name, origin):
    folder = tmp_path / "nyu"
    shutil.copytree(official[0], folder)
    (folder / name).unlink()
    with pytest.raises(DatasetError, match=rf"{name}: not found\. Get it from .*{origin}"):
        read_nyu_depth_v2(folder)
    (folder / name).write_bytes(b"no file of MATLAB")
    with pytest.raises(DatasetError, match=rf"{name}: cannot be read"):
        read_nyu_depth_v2(folder)


def test_a_file_that_is_cut_off_or_another_is_named(official, tmp_path):
    folder = tmp_path / "nyu"
    shutil.copytree(official[0], folder)
    path = folder / "nyu_depth_v2_labeled.mat"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DatasetError, match="labeled.mat: is not a complete HDF5 file"):
        read_nyu_depth_v2(folder)
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros(3)
    with pytest.raises(DatasetError, match="has no array 'depths'"):
        read_nyu_depth_v2(folder)
    path.unlink()
    with pytest.raises(DatasetError, match="labeled.mat: not found. Get it from horatio"):
        read_nyu_depth_v2(folder)


def test_splits_that_are_not_of_this_file_are_refused(official, tmp_path):
    folder = tmp_path / "nyu"
    shutil.copytree(official[0], folder)
    scipy.io.savemat(folder / "splits.mat", {"trainNdxs": [[1], [2]], "testNdxs": [[2], [3]]})
    with pytest.raises(DatasetError, match=r"must be the numbers 1\.\.10, each once"):
        read_nyu_depth_v2(folder)


@pytest.fixture
def prepared(tmp_path):
    folder = tmp_path / "nyu_prepared"
    for kind in ("rgb", "depth", "label40"):
        (folder / kind).mkdir(parents=True)
    for number in (3, 4, 60, 61, 200):
        Image.new("RGB", (8, 6), (number, 0, 0)).save(folder / "rgb" / f"{number:04d}.jpg")
        Image.new("L", (8, 6), 51).save(folder / "depth" / f"{number:04d}.png")
        ids = np.tile(np.array([0, 1, 2, 3, 4, 39, 24, 255], np.uint8), (6, 1))
        Image.fromarray(ids).save(folder / "label40" / f"{number:04d}.png")
    return folder


@pytest.mark.parametrize(
    ("classes", "expected"), [(40, [0, 1, 2, 3, 4, 39, 24, 255]), (13, [11, 4, 5, 0, 3, 6, 10, 255])]
)
def test_a_prepared_folder_has_its_depth_in_steps_of_39_mm(prepared, classes, expected):
    source = read_nyu_depth_v2(prepared, classes)
    check_source(source)
    assert sum(map(len, source.splits.values())) == 5 and "test" not in source.splits
    pair = source.splits["train"][0]
    assert source.read_label(pair)[0].tolist() == expected
    assert (read_depth(pair.depth, (6, 8), source.depth_unit) == 2000).all()


def test_splits_beside_a_prepared_folder_part_it_and_too_many_frames_need_them(prepared, monkeypatch):
    scipy.io.savemat(prepared / "splits.mat", {"trainNdxs": [[3], [4], [200]], "testNdxs": [[60], [61]]})
    splits = read_nyu_depth_v2(prepared).splits
    assert [pair.name for pair in splits["test"]] == ["0060", "0061"]
    (prepared / "splits.mat").unlink()
    monkeypatch.setattr("rt_seg_training.datasets.nyu_depth_v2.nyu_depth_v2_source.TRAINING_FRAMES", 4)
    with pytest.raises(DatasetError, match="has 5 frames, the official training half 4. Put splits.mat of"):
        read_nyu_depth_v2(prepared)


def test_a_label_that_is_none_of_the_40_is_an_error_in_both_forms(prepared):
    Image.new("L", (8, 6), 40).save(prepared / "label40" / "0004.png")
    for classes in (40, 13):
        with pytest.raises(DatasetError, match="0004.png: label value 40 is outside"):
            check_source(read_nyu_depth_v2(prepared, classes))


@pytest.mark.skipif(not REAL.is_dir(), reason="real data: RT_SEG_DATA/nyuv2_train is not there")
def test_real_frames_build_by_the_command(tmp_path, capsys):
    folder = tmp_path / "few"
    for kind, suffix in (("rgb", "jpg"), ("depth", "png"), ("label40", "png")):
        (folder / kind).mkdir(parents=True)
        for number in (3, 100, 1440):
            (folder / kind / f"{number:04d}.{suffix}").symlink_to(REAL / kind / f"{number:04d}.{suffix}")
    assert main(["nyu_depth_v2", str(folder), "--classes", "13", "--data-dir", str(tmp_path / "data")]) == 0
    assert "nyu_depth_v2/13_classes" in capsys.readouterr().out
    from rt_seg_training.datasets.loading import load_dataset

    dataset = load_dataset("nyu_depth_v2/13_classes", tmp_path / "data")
    assert dataset.count("train+validation") == 3
    for example in dataset.examples("train+validation", depth=True).as_numpy_iterator():
        assert example["depth"].shape == (480, 640, 1) and 500 < np.median(example["depth"]) < 10000


@pytest.mark.skipif(not REAL.is_dir(), reason="real data: RT_SEG_DATA/nyuv2_train is not there")
def test_the_real_training_half_has_its_795_frames():
    splits = read_nyu_depth_v2(REAL).splits
    assert len(splits["train"]) + len(splits["validation"]) == 795
    assert 0.1 < len(splits["validation"]) / 795 < 0.3
