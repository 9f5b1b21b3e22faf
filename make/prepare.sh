#!/bin/bash
# `make prepare`: what `make live` does before it starts anything: system packages, environment, workspace.

# shellcheck source=make/steps.sh
source "$(dirname "$0")/steps.sh"
source make/install.sh
source make/workspace.sh

install "environment live" live
build_workspace
say "ready: make live, or source .workspace/devel/setup.bash"
