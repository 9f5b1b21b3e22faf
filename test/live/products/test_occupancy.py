"""A map of occupied space, by OctoMap."""

import numpy as np
import pytest

from rt_seg.products.occupancy import OccupancyMap

pyoctomap = pytest.importorskip("pyoctomap", reason="OctoMap is not installed: pip install pyoctomap")
GENERATOR = np.random.default_rng(0)


def wall(z, count=8000):
    """Points of a wall across the line of sight, at z metres."""
    points = GENERATOR.uniform(-0.5, 0.5, (count, 3))
    points[:, 2] = z
    return points


def test_the_map_is_the_one_that_octomap_makes_of_the_points_themselves():
    ours, theirs = OccupancyMap(0.05, 5.0), pyoctomap.OcTree(0.05)
    for number in range(3):
        points, origin = GENERATOR.normal(0.0, 0.5, (800, 3)), GENERATOR.normal(0.0, 0.2, 3)
        ours.insert(points, origin)
        theirs.insertPointCloud(points, origin, 5.0, discretize=True)
        # Not by extractPointCloud, whose points lie half a cell beside the cells.
        occupied = (leaf for leaf in theirs.begin_leafs() if theirs.isNodeOccupied(leaf))
        leaves = [(leaf.getCoordinate(), leaf.getSize()) for leaf in occupied]
        assert {round(size, 6) for _, size in leaves} == {0.05}
        expected = np.array([place for place, _ in leaves])
        found = ours.occupied()
        assert found.dtype == np.float32 and len(found) > 500
        assert set(map(tuple, np.floor(found / 0.05))) == set(map(tuple, np.floor(expected / 0.05))), number


def test_what_goes_away_is_forgotten_when_rays_pass_where_it_was():
    space = OccupancyMap(0.05)
    space.insert(wall(1.02), np.zeros(3))
    assert len(space.occupied()) == 20 * 20
    for _ in range(6):
        space.insert(wall(2.02) * (2, 2, 1), np.zeros(3))
    assert not (np.abs(space.occupied()[:, 2] - 1.025) < 0.01).any()


def test_a_map_can_be_cleared_filled_with_nothing_and_read_back(tmp_path):
    space = OccupancyMap(0.1)
    space.insert(np.zeros((0, 3)), np.zeros(3))
    assert space.occupied().shape == (0, 3)
    beyond = space.insert(np.array([[0.05, 0.05, 1.05], [1e6, 0.0, 0.0]]), np.zeros(3))
    assert beyond == 1, "the second lies out of the map"
    np.testing.assert_allclose(space.occupied(), [[0.05, 0.05, 1.05]], atol=1e-6)
    space.write(tmp_path / "maps" / "room.bt")
    tree = pyoctomap.OcTree(0.5)
    assert tree.readBinary(str(tmp_path / "maps" / "room.bt"))
    assert tree.getResolution() == 0.1
    assert tree.getLabels(np.array([[0.05, 0.05, 1.05], [0.05, 0.05, 0.55]])).tolist() == [1, 0]
    space.clear()
    assert len(space.occupied()) == 0


def test_it_says_that_it_cannot_write(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        OccupancyMap(0.1).write(tmp_path / "file" / "room.bt")
