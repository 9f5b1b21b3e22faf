"""Objects from made-up scenes whose geometry is known, and from the simulated camera."""

import math

import numpy as np
import pytest

from rt_seg.cameras.frame import Intrinsics
from rt_seg.labels import labels_from_dict
from rt_seg.products.objects import find_objects
from rt_seg.products.point_cloud import Rays

CLASSES = [{"id": i, "name": name, "color": [i, i, i]} for i, name in enumerate(("background", "peg", "hole"))]
LABELS = labels_from_dict({"classes": CLASSES}, "test")
CAMERA = Intrinsics(320, 240, 300.0, 290.0, 150.0, 130.0)
RAYS = Rays(CAMERA)
NAN = float("nan")


def _plane_depth(normal, distance):
    """Depth of the plane normal · p = distance in every pixel."""
    return (distance / (normal[0] * RAYS.x + normal[1] * RAYS.y + normal[2])).astype(np.float32)


def _scene():
    """A floor 1 m away with a block of 100 x 40 pixels 0.1 m nearer, standing askew to nothing."""
    mask = np.zeros((240, 320), np.uint8)
    depth = np.full((240, 320), 1.0, np.float32)
    mask[100:140, 60:160] = 1
    depth[100:140, 60:160] = 0.9
    return mask, depth


def test_a_block_has_its_box_area_centroid_extent_and_axes():
    mask, depth = _scene()
    (block,) = find_objects(mask, LABELS, 50, depth, RAYS)
    assert (block.class_id, block.box, block.area, block.depth_share) == (1, (60, 100, 100, 40), 4000, 1.0)
    expected = ((109.5 - 150.0) / 300.0 * 0.9, (119.5 - 130.0) / 290.0 * 0.9, 0.9)
    np.testing.assert_allclose(block.pose.centroid, expected, atol=2e-4)
    # The outermost pixel is left out, and 2 % at each end.
    np.testing.assert_allclose(block.pose.extent, (0.96 * 98 / 300 * 0.9, 0.96 * 38 / 290 * 0.9, 0.0), atol=4e-3)
    np.testing.assert_allclose(np.abs(block.pose.axes), np.eye(3), atol=1e-6)
    assert np.isclose(np.linalg.det(block.pose.axes), 1.0)
    assert block.pose.axes[2, 2] < 0, "the third axis must point to the camera"


@pytest.mark.parametrize("angle", [0.0, 0.3, 0.7, 1.2])
def test_the_axes_of_a_square_plate_are_those_of_its_sides(angle):
    v, u = np.mgrid[:240, :320]
    x, y = (u - 150.0) / 300.0, (v - 130.0) / 290.0
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    mask = ((np.abs(along) < 0.15) & (np.abs(across) < 0.14)).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0.0, 0.001, mask.shape)
    (plate,) = find_objects(mask, LABELS, 50, (1.0 + noise).astype(np.float32), RAYS)
    turned = np.abs(plate.pose.axes[:, 0] @ (np.cos(angle), np.sin(angle), 0.0))
    assert turned > np.cos(np.radians(3.0))
    np.testing.assert_allclose(plate.pose.extent[:2], (0.30 * 0.96, 0.28 * 0.96), atol=0.012)


def test_regions_that_do_not_touch_are_objects_of_their_own_largest_first_and_specks_are_left_out():
    mask, _ = _scene()
    mask[10:20, 10:20] = 1
    mask[200:203, 200:203] = 2
    objects = find_objects(mask, LABELS, 50)
    assert [(item.class_id, item.area) for item in objects] == [(1, 4000), (1, 100)]
    assert all(item.pose is None for item in objects)


def test_background_seen_through_mistaken_edge_pixels_does_not_move_the_centroid():
    mask, depth = _scene()
    clean = find_objects(mask, LABELS, 50, depth, RAYS)[0].pose.centroid
    mask[100:140, 150:180] = 1
    depth[100:140, 160:180] = 2.5
    moved = find_objects(mask, LABELS, 50, depth, RAYS)[0].pose.centroid
    np.testing.assert_allclose(moved, clean, atol=2e-3)


def test_an_opening_lies_in_the_plane_of_the_surface_around_it():
    normal, distance = np.array([0.25, -0.2, 0.95]), 0.8
    surface = _plane_depth(normal, distance)
    v, u = np.mgrid[:240, :320]
    hole = (u - 200) ** 2 + (v - 90) ** 2 <= 18**2
    depth = np.where(hole, surface + np.float32(0.15), surface)
    mask = np.where(hole, 2, 0).astype(np.uint8)
    (opening,) = find_objects(mask, LABELS, 50, depth, RAYS, openings={"hole"})
    center = np.array([(200 - 150) / 300.0, (90 - 130) / 290.0, 1.0])
    expected = center * distance / (normal @ center)
    np.testing.assert_allclose(opening.pose.centroid, expected, atol=1e-3)
    unit = normal / np.linalg.norm(normal)
    assert abs(unit @ opening.pose.axes[:, 2]) > 0.9999
    (behind,) = find_objects(mask, LABELS, 50, depth, RAYS)
    assert behind.pose.centroid[2] > opening.pose.centroid[2] + 0.1


def test_a_side_that_the_sensor_does_not_see_does_not_draw_the_centroid_to_the_other():
    mask, depth = _scene()
    clean = find_objects(mask, LABELS, 50, depth, RAYS)[0].pose
    depth[100:140, 60:100] = NAN
    (block,) = find_objects(mask, LABELS, 50, depth, RAYS)
    assert block.depth_share == 0.6
    np.testing.assert_allclose(block.pose.centroid, clean.centroid, atol=1e-6)
    np.testing.assert_allclose(block.pose.extent, clean.extent, atol=1e-6)


def test_what_sticks_in_an_opening_is_no_part_of_the_surface_around_it():
    v, u = np.mgrid[:240, :320]
    hole = (u - 200) ** 2 + (v - 90) ** 2 <= 30**2
    stick = (np.abs(u - 205) <= 20) & (v > 80) & (v <= 130)
    mask = np.where(stick, 1, np.where(hole, 2, 0)).astype(np.uint8)
    depth = np.where(stick, 0.6, np.where(hole, 1.1, 1.0)).astype(np.float32)
    found = find_objects(mask, LABELS, 50, depth, RAYS, openings={"hole"})
    opening = next(item for item in found if item.class_id == 2)
    assert opening.pose.centroid[2] == pytest.approx(1.0, abs=1e-3)


def test_without_enough_depth_an_object_has_no_pose():
    mask, depth = _scene()
    depth[mask == 1] = NAN
    (block,) = find_objects(mask, LABELS, 50, depth, RAYS)
    assert (block.pose, block.depth_share) == (None, 0.0)
    (block,) = find_objects(np.where(mask, 2, 0).astype(np.uint8), LABELS, 50, depth * NAN, RAYS, openings={"hole"})
    assert block.pose is None


def test_confidence_is_the_mean_over_the_region():
    mask, _ = _scene()
    confidence = np.where(mask == 1, 0.75, 0.1).astype(np.float32)
    assert find_objects(mask, LABELS, 50, confidence=confidence)[0].confidence == pytest.approx(0.75)
    assert math.isnan(find_objects(mask, LABELS, 50)[0].confidence)


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match="depth has 4x4 pixels and the camera 320x240"):
        find_objects(_scene()[0], LABELS, 50, np.ones((4, 4), np.float32), RAYS)


def test_centroids_of_the_simulated_camera_are_within_a_centimetre(record_property):
    """Noisy depth with holes against the noise-free depth of the same scene, over every object of eight scenes."""
    from rt_seg.simulation.camera_path import random_view
    from rt_seg.simulation.classes import tabletop_labels
    from rt_seg.simulation.renderer import Renderer
    from rt_seg.simulation.scene import random_intrinsics
    from rt_seg.simulation.sensor import measure_depth, random_sensor
    from rt_seg.simulation.tabletop import random_scene

    labels, errors = tabletop_labels(), []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        intrinsics = random_intrinsics(rng)
        with Renderer(random_scene(rng, intrinsics), intrinsics, labels) as renderer:
            image = renderer.render(random_view(rng).pose())
        millimetres = measure_depth(image.depth, image.color, intrinsics, random_sensor(rng), rng)
        noisy = np.where(millimetres > 0, millimetres * np.float32(0.001), np.float32(NAN))
        rays = Rays(intrinsics)
        arguments = (labels, 400)
        measured = find_objects(image.mask, *arguments, noisy, rays, openings={"hole"})
        true = find_objects(image.mask, *arguments, image.depth, rays, openings={"hole"})
        for found, truth in zip(measured, true):
            assert (found.box, found.class_id) == (truth.box, truth.class_id)
            if truth.pose is not None and found.depth_share > 0.3:
                assert found.pose is not None
                distance = np.linalg.norm(np.subtract(found.pose.centroid, truth.pose.centroid))
                errors.append(distance * 0.8 / truth.pose.centroid[2])
    errors = np.array(errors)
    record_property("median_error_mm", float(np.median(errors) * 1e3))
    print(f"{len(errors)} objects: centroid error at 0.8 m median {np.median(errors) * 1e3:.1f} mm, "
          f"95 % below {np.percentile(errors, 95) * 1e3:.1f} mm, largest {errors.max() * 1e3:.1f} mm")  # fmt: skip
    assert len(errors) > 30
    assert np.median(errors) < 0.002
    # What is left: pegs that point at the camera, of which the sensor sees the end and not the sides.
    assert np.percentile(errors, 95) < 0.01


def test_rays_that_are_no_numbers_cost_the_pose_only():
    """As the lens model of a camera info that is garbage gives them."""
    mask, depth = _scene()
    broken = Rays(Intrinsics(320, 240, 300.0, 290.0, 150.0, 130.0, (1e30,) * 5))
    for openings in ((), {"peg"}):
        (block,) = find_objects(mask, LABELS, 50, depth, broken, openings=openings)
        assert block.area == 4000
        assert block.pose is None or np.all(np.isfinite(block.pose.centroid))
