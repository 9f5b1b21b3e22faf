#!/bin/bash
# `make training`: installs the offline half (TensorFlow and its companions) beside the live one, and builds.

# shellcheck source=make/steps.sh
source "$(dirname "$0")/steps.sh"
source make/install.sh
source make/workspace.sh

install "environment live" "live training"
build_workspace
say "ready: source $SETUP_FILE, then rosrun rt_seg build_dataset | train | evaluate | export --help"
