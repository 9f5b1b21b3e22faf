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
