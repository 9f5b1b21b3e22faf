# The Python environment: .venv, made from the distribution's Python so that it sees ROS, with the pinned requirements.

# shellcheck shell=bash disable=SC2034,SC2086

create_environment() {
    local version
    version=$("$SYSTEM_PYTHON" -c 'import platform; print(platform.python_version())')
    step python "make .venv from $SYSTEM_PYTHON $version" "$version $REPOSITORY" "$PYTHON" make_environment "$version"
}

make_environment() {
    local settings=.venv/pyvenv.cfg
    # One that fits already, made by hand perhaps, is kept with all that is in it.
    if grep -qx 'home = /usr/bin' $settings && grep -qx 'include-system-site-packages = true' $settings &&
        grep -qx "version = $1" $settings && "$PYTHON" -m pip --version; then
        return
    fi
    "$SYSTEM_PYTHON" -m venv --clear --system-site-packages .venv
}

# find_python38: prints the Python 3.8 of PATH or of pyenv, the interpreter of ROS Noetic; nothing where there is none.
find_python38() {
    local found
    for found in "$(command -v python3.8 || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.8.*/bin/python3.8; do
        # A shim of pyenv is there even where no 3.8 is chosen.
        if [ -x "$found" ] && "$found" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 8))' 2>/dev/null; then
            echo "$found"
            return
        fi
    done
}

# prepare_python38 PYTHON: makes .setup/python38 of requirements-python38.txt, for `make test`.
prepare_python38() {
    step python38 "make .setup/python38 from $1" "$1 $(fingerprint requirements-python38.txt)" \
        "$STATE/python38/bin/pytest" make_environment38 "$1"
}

make_environment38() {
    "$1" -m venv --clear "$STATE/python38"
    "$STATE/python38/bin/python" -m pip install --no-input --disable-pip-version-check --no-compile --no-deps \
        --requirement requirements-python38.txt
}

# install_requirements PART...: each PART names requirements-PART.txt.
install_requirements() {
    local part file
    for part in "$@"; do
        file=requirements-$part.txt
        # --no-compile: modules are compiled when first imported, and most never are; saves half of the time.
        # --constraint: what the live half pins holds for all; pip would raise NumPy to 2 for the sake of newer companions.
        step "python-$part" "install $file" \
            "$(fingerprint "$file" requirements-live.txt) $(stat -c %Y .venv/pyvenv.cfg)" "$PYTHON" \
            "$PYTHON" -m pip install --no-input --disable-pip-version-check --no-compile \
            --constraint requirements-live.txt --requirement "$file"
    done
}
