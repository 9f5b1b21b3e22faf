# Lint: style and types of both halves, sizes of files, Python 3.8 in the live half, and the catkin package.
# Each of these is a command for `check` of make/test.sh.

# shellcheck shell=bash disable=SC2034,SC2086

python_executables() { grep -lE '^#!.*python' "$@" 2>/dev/null || true; }

lint_style() {
    # Executables have no extension, so they are named one by one.
    local executables
    mapfile -t executables < <(python_executables scripts/* training/* cfg/*)
    .venv/bin/ruff check benchmarks src training test make setup.py "${executables[@]}" &&
        .venv/bin/ruff format --check benchmarks src training test make setup.py "${executables[@]}"
}

lint_sizes() { "$SYSTEM_PYTHON" make/large_files.py; }

lint_types() { .venv/bin/mypy; }

lint_python38() {
    # Syntax and calls that Python 3.8 lacks, in what runs there; --eval-annotations off: they are never evaluated.
    # shellcheck disable=SC2046
    .venv/bin/vermin --quiet --no-tips --violations --no-parse-comments --target=3.8- \
        src setup.py $(python_executables scripts/* cfg/*)
}

lint_package() {
    .venv/bin/catkin_lint -W2 --strict "$PACKAGE_SPACE"
}
