#!/bin/bash
# The ruff-format check of pre-commit, for files that a commit adds: older ones are formatted by hand, and one change of
# all of them would hide what every line of them is there for (git blame).
mapfile -t added < <(git diff --cached --name-only --diff-filter=A -- "$@")
[ ${#added[@]} -eq 0 ] || .venv/bin/ruff format --check "${added[@]}"
