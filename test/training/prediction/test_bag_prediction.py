"""A bag in, the same bag with masks and overlays out, without ROS."""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.rosbag1 import Reader, Writer
from rosbags.typesys import Stores, get_typestore

from rt_seg_training.commands import predict as predict_command
from rt_seg_training.prediction.bag_depth import depth_topic
from rt_seg_training.prediction.bag_prediction import (
    MASK_TOPIC,
    OVERLAY_TOPIC,
    BagError,
    color_topic,
    predict_bag,
    rgb_of,
)

STORE = get_typestore(Stores.ROS1_NOETIC)
IMAGE, COMPRESSED, TEXT = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "std_msgs/msg/String"
COLOR, DEPTH = "/camera/color/image_raw", "/camera/aligned_depth_to_color/image_raw"


def _header(number):
    stamp = STORE.types["builtin_interfaces/msg/Time"](100 + number, 500_000_000)
    return STORE.types["std_msgs/msg/Header"](number, stamp, "camera_color_optical_frame")


def _image(number, pixels, encoding, padding=0):
    height, width = pixels.shape[:2]
    rows = np.pad(pixels.reshape(height, -1).view(np.uint8), ((0, 0), (0, padding)))
    return STORE.types[IMAGE](_header(number), height, width, encoding, 0, rows.shape[1], rows.reshape(-1))


def _picture(number):
    return np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)


@pytest.fixture
def bag(tmp_path):
    """Three images of colour and depth, recorded 0.25 s after their stamps, and a latched text."""
    path = tmp_path / "drive.bag"
    with Writer(path) as writer:
        text = writer.add_connection("/note", TEXT, typestore=STORE, callerid="/me", latching=1)
        color = writer.add_connection(COLOR, IMAGE, typestore=STORE)
        depth = writer.add_connection(DEPTH, IMAGE, typestore=STORE)
        writer.write(text, 100 * 10**9, STORE.serialize_ros1(STORE.types[TEXT]("hello"), TEXT))
        for number in range(3):
            time = (100 + number) * 10**9 + 750_000_000
            writer.write(color, time, STORE.serialize_ros1(_image(number, _picture(number), "rgb8"), IMAGE))
            pixels = np.full((24, 32), 900, np.uint16)
            writer.write(depth, time, STORE.serialize_ros1(_image(number, pixels, "16UC1"), IMAGE))
    return path


def _threshold(rgb, depth=None):
    mask = (rgb[..., 0] > 127).astype(np.uint8)
    return mask, np.repeat(mask[..., np.newaxis] * 255, 3, axis=-1).astype(np.uint8)


def _read(path):
    with Reader(path) as reader:
        return [(c.topic, c.digest, c.ext, time, bytes(data)) for c, time, data in reader.messages()]


def test_the_new_bag_holds_the_old_one_and_masks_and_overlays_with_the_headers_of_the_images(bag, tmp_path):
    output = tmp_path / "out" / "new.bag"
    assert predict_bag(bag, output, _threshold) == 3
    before, after = _read(bag), _read(output)
    assert [entry for entry in after if entry[0] not in (MASK_TOPIC, OVERLAY_TOPIC)] == before
    images = {entry[3]: STORE.deserialize_ros1(entry[4], IMAGE) for entry in before if entry[0] == COLOR}
    for topic, encoding, index in ((MASK_TOPIC, "mono8", 0), (OVERLAY_TOPIC, "rgb8", 1)):
        made = {entry[3]: STORE.deserialize_ros1(entry[4], IMAGE) for entry in after if entry[0] == topic}
        assert set(made) == set(images)
        for time, message in made.items():
            assert message.header == images[time].header
            assert (message.encoding, message.height, message.width) == (encoding, 24, 32)
            expected = _threshold(_picture(message.header.seq))[index]
            np.testing.assert_array_equal(message.data, expected.reshape(-1))
            assert message.step == len(message.data) // 24
    assert [path.name for path in output.parent.iterdir()] == ["new.bag"]


def test_ros_itself_reads_the_new_bag(bag, tmp_path):
    rosbag = pytest.importorskip("rosbag", reason="ROS is not installed")
    predict_bag(bag, tmp_path / "new.bag", _threshold)
    with rosbag.Bag(str(tmp_path / "new.bag")) as made:
        messages = [(topic, time.to_nsec(), message) for topic, message, time in made.read_messages()]
    assert len(messages) == 1 + 4 * 3
    masks = [message for topic, _, message in messages if topic == MASK_TOPIC]
    assert [mask.header.stamp.to_nsec() for mask in masks] == [(100 + i) * 10**9 + 500_000_000 for i in range(3)]
    assert {mask.header.frame_id for mask in masks} == {"camera_color_optical_frame"}
    assert masks[2].data == _threshold(_picture(2))[0].tobytes()


def test_the_command_segments_a_bag_as_the_segmenter_does_and_leaves_it_alone_the_next_time(bag, tmp_path, capsys):
    from rt_seg.bundle import load_bundle
    from rt_seg.segmenter import Segmenter

    bundle = Path(__file__).parents[3] / "models" / "tabletop"
    arguments = [str(bundle), str(bag), "--output", str(tmp_path / "out")]
    assert predict_command.main(arguments) == 0
    assert "1 made, 0 were there" in capsys.readouterr().out
    masks = [e for e in _read(tmp_path / "out" / "drive_segmented.bag") if e[0] == MASK_TOPIC]
    segmenter = Segmenter(load_bundle(bundle))
    for number, entry in enumerate(masks):
        mask = STORE.deserialize_ros1(entry[4], IMAGE).data.reshape(24, 32)
        np.testing.assert_array_equal(mask, segmenter.segment(_picture(number)).mask)
    assert len(masks) == 3
    assert predict_command.main(arguments) == 0
    assert "0 made, 1 were there" in capsys.readouterr().out
    assert predict_command.main([*arguments, "--overwrite", "--topic", "/absent"]) == 1
    assert "topic '/absent' holds no images; image topics there: /camera/aligned_depth" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("encoding", "back", "padding"),
    [
        ("rgb8", None, 7),
        ("bgr8", cv2.COLOR_RGB2BGR, 0),
        ("rgba8", cv2.COLOR_RGB2RGBA, 3),
        ("bgra8", cv2.COLOR_RGB2BGRA, 0),
    ],
)
def test_colour_encodings_and_padded_rows_give_the_same_pixels(encoding, back, padding):
    rgb = _picture(1)
    pixels = rgb if back is None else cv2.cvtColor(rgb, back)
    np.testing.assert_array_equal(rgb_of(_image(0, pixels, encoding, padding)), rgb)


def test_compressed_images_are_taken():
    rgb = cv2.resize(_picture(2), (64, 48))
    data = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].reshape(-1)
    np.testing.assert_array_equal(rgb_of(STORE.types[COMPRESSED](_header(0), "png", data)), rgb)
    with pytest.raises(BagError, match="no JPEG or PNG"):
        rgb_of(STORE.types[COMPRESSED](_header(0), "png", data[:9]))


def test_what_is_no_colour_image_is_refused_by_name():
    with pytest.raises(BagError, match="encoding '16UC1' is not a colour image; accepted are rgb8"):
        rgb_of(_image(0, np.zeros((4, 4), np.uint16), "16UC1"))
    cut = _image(0, _picture(0), "rgb8")
    with pytest.raises(BagError, match="the message was cut"):
        rgb_of(STORE.types[IMAGE](cut.header, 25, 32, "rgb8", 0, 96, cut.data))


def test_the_topic_is_found_where_it_is_clear_and_asked_for_where_not():
    assert color_topic({COLOR: IMAGE, DEPTH: IMAGE, "/other/rgb": IMAGE}, None) == COLOR
    assert color_topic({"/rgb/compressed": COMPRESSED, DEPTH: IMAGE, "/note": TEXT}, None) == "/rgb/compressed"
    assert color_topic({COLOR: IMAGE, "/b": IMAGE}, "/b") == "/b"
    with pytest.raises(BagError, match="Name it with --topic; image topics there: /a, /b"):
        color_topic({"/a": IMAGE, "/b": IMAGE}, None)
    with pytest.raises(BagError, match="image topics there: none"):
        color_topic({"/note": TEXT}, None)


def test_a_bag_that_cannot_be_used_is_named_and_leaves_nothing(bag, tmp_path):
    broken = tmp_path / "broken.bag"
    broken.write_bytes(b"not a bag")
    output = tmp_path / "out" / "new.bag"
    with pytest.raises(BagError, match="broken.bag: cannot be read as a bag of ROS 1"):
        predict_bag(broken, output, _threshold)
    predict_bag(bag, tmp_path / "first.bag", _threshold)
    with pytest.raises(BagError, match="first.bag: holds /segmentation/mask already"):
        predict_bag(tmp_path / "first.bag", output, _threshold)
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize("form", ["16UC1", "32FC1", "compressedDepth"])
def test_each_image_gets_the_depth_of_its_stamp_whenever_that_was_recorded(tmp_path, form):
    path = tmp_path / "deep.bag"
    name = DEPTH + ("/compressedDepth" if form == "compressedDepth" else "")
    with Writer(path) as writer:
        color = writer.add_connection(COLOR, IMAGE, typestore=STORE)
        depth = writer.add_connection(name, COMPRESSED if form == "compressedDepth" else IMAGE, typestore=STORE)
        messages = []
        for number in range(5):
            time = (100 + number) * 10**9 + 750_000_000
            messages.append((time, color, STORE.serialize_ros1(_image(number, _picture(number), "rgb8"), IMAGE)))
            if number == 3:
                continue  # this one has none
            millimetres = np.full((24, 32), 900 + number, np.uint16)
            if form == "compressedDepth":
                data = np.frombuffer(b"\0" * 12 + cv2.imencode(".png", millimetres)[1].tobytes(), np.uint8)
                message = STORE.types[COMPRESSED](_header(number), "16UC1; compressedDepth png", data)
            else:
                pixels = millimetres if form == "16UC1" else millimetres / np.float32(1000)
                message = _image(number, pixels, form, padding=8)
            late = 400_000_000 if number % 2 else -300_000_000
            messages.append((time + late, depth, STORE.serialize_ros1(message, depth.msgtype)))
        for time, connection, data in sorted(messages, key=lambda entry: entry[0]):
            writer.write(connection, time, data)
    seen = []

    def predict(rgb, depth):
        seen.append(None if depth is None else round(float(depth.mean()) * (1000 if form == "32FC1" else 1)))
        return _threshold(rgb)

    assert predict_bag(path, tmp_path / "new.bag", predict, with_depth=True) == 5
    assert seen == [900, 901, 902, None, 904]


def test_the_depth_of_a_camera_is_that_of_the_same_camera():
    topics = {f"/{camera}/{name}": IMAGE for camera in ("left", "right")
              for name in ("color/image_raw", "aligned_depth_to_color/image_raw")}  # fmt: skip
    assert depth_topic(topics, "/right/color/image_raw") == "/right/aligned_depth_to_color/image_raw"
    assert depth_topic({DEPTH: IMAGE, "/usb_cam/image": IMAGE}, "/usb_cam/image") == DEPTH
    assert depth_topic(topics, "/usb_cam/image") is None
