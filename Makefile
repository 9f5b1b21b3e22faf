# The two commands of rt_seg, `make live` and `make test`, and what belongs to them. make/ holds what they run.

.DEFAULT_GOAL := help
.PHONY: help live prepare test lint coverage fuzz training docs architecture settings animation clean
# Bash, so that `exec` hands Ctrl-C to the very program that runs.
SHELL := /bin/bash

export CAMERA BUNDLE RECORDING LOOP VIEWER ARGS FAST

help:
	@sed -n 's/^#| \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

live:
	@exec make/live.sh

prepare:
	@exec make/prepare.sh

test:
	@exec make/test.sh

lint:
	@exec make/test.sh lint

coverage:
	@exec make/test.sh coverage

fuzz:
	@.venv/bin/python test/training/label_exchange/fuzz_readers.py --seconds $(or $(SECONDS),60)
	@.venv/bin/python test/training/fuzz_sources.py --seconds $(or $(SECONDS),60)

training:
	@exec make/training.sh

docs:
	@exec make/docs.sh

architecture:
	@python3 make/architecture.py --write

settings:
	@.venv/bin/python make/settings.py

animation:
	@PYTHONPATH=src .venv/bin/python make/animation.py

clean:
	rm -rf build .setup .venv .workspace recordings/demo.bag .pytest_cache .ruff_cache .hypothesis

#| make live       install what is missing, build, and segment a stream: the demo recording, or a camera
#| make prepare    what `make live` does before it starts anything: install and build
#| make test       install what tests need as well, build, and run lint, unit tests and rostests (FAST=1: without the slow ones)
#| make lint       the lint of `make test` alone: style, types, Python 3.8, catkin
#| make coverage   the unit tests of `make test`, and what share of the statements they run
#| make fuzz       hand corrupted files to each reader of labels, data sets and bags, SECONDS=60 each (after `make test`); for every night
#| make training   install the offline half (TensorFlow) beside the live one: train, evaluate, export …
#| make docs       build the documentation site from docs/ and the docstrings
#| make architecture  draw the two halves from their imports, and count rooms, floors and arrows
#| make settings   write config/segmentation.yaml and docs/settings.md from the code that reads the settings
#| make animation  make docs/live.webp, the animation of the README, with the live view in Chromium
#| make clean      remove environment, workspace and demo recording; system packages stay
#|
#| Variables of `make live`, as in `make live CAMERA=realsense BUNDLE=camvid`:
#|   CAMERA     recording (default: plays RECORDING), realsense (a connected camera),
#|              realsense_sdk (the same where realsense2_camera is not packaged), webcam, video (ARGS=video:=FILE),
#|              simulated (a scene rendered live), several (those of config/cameras.yaml),
#|              none (topics come from elsewhere)
#|   BUNDLE     model: a folder, or the name of a shipped one or of your own (default: things for a RealSense, else tabletop)
#|   RECORDING  bag, or folder with color/ and depth/ (default: a simulated scene, rendered once)
#|   LOOP       true or false: begin the recording again at its end (default: true with RViz, else false)
#|   VIEWER     rviz, web (a page in the browser), status (a line each second) or none (default: rviz where DISPLAY is
#|              set, else web)
#|   ARGS       more arguments of live.launch; `roslaunch --ros-args rt_seg live.launch` lists them
