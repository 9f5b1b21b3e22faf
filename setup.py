"""Tells catkin where the Python packages are: the live half in src/, the offline half in training/."""

from catkin_pkg.python_setup import generate_distutils_setup
from setuptools import find_packages, setup

setup(
    **generate_distutils_setup(
        packages=find_packages("src") + find_packages("training"),
        package_data={"": ["*.html"], "rt_seg": ["web/page/*"]},
        package_dir={"rt_seg": "src/rt_seg", "rt_seg_training": "training/rt_seg_training"},
    )
)
