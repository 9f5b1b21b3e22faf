#!/bin/bash
# `make docs`: draws the architecture from the imports, then builds the site of docs/ into .setup/site; a warning ends it.

# shellcheck source=make/steps.sh
source "$(dirname "$0")/steps.sh"
source make/install.sh

install "environment" "live docs"
"$PYTHON" make/architecture.py --write
NO_MKDOCS_2_WARNING=1 "$PYTHON" -m mkdocs build --quiet --strict --clean
say "ready: ${STATE#"$REPOSITORY"/}/site/index.html"
