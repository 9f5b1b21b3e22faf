# The catkin workspace in .workspace: builds the messages and the executables' wrappers.
#
# .workspace/src/rt_seg holds links to the package's own folders rather than one link to the repository: rosrun and
# rospack search a package's whole folder, and would find .venv, recordings and the build itself in it.

# shellcheck shell=bash disable=SC2034,SC2086

PACKAGE_SPACE=.workspace/src/rt_seg
SETUP_FILE=.workspace/devel/setup.bash

build_workspace() {
    local inputs
    mkdir -p recordings
    mapfile -t inputs < <(find package.xml CMakeLists.txt setup.py cmake msg srv cfg src/rt_seg/ros/node/adjustable_settings.py \
        src/rt_seg/setting_field.py \
        -type f | sort)
    step build "build the catkin workspace" \
        "$(fingerprint "${inputs[@]}") $(package_entries; ls scripts training) $REPOSITORY $NOETIC" "$SETUP_FILE" run_cmake
}

# What lies in the repository's root, without what is made there.
package_entries() {
    local entry
    for entry in *; do
        case $entry in build | data | devel | runs) ;; *) echo "$entry" ;; esac
    done
}

link_package() {
    local entry
    rm -rf "$PACKAGE_SPACE"
    mkdir -p "$PACKAGE_SPACE"
    package_entries | while read -r entry; do ln -s "../../../$entry" "$PACKAGE_SPACE/$entry"; done
}

run_cmake() {
    # A folder configured elsewhere (a moved or copied repository) cannot be configured again in place.
    rm -rf .workspace/build .workspace/devel
    link_package
    [ -z "$NOETIC" ] || source_quietly "$NOETIC/setup.bash"
    # Python only: nothing here is written in the other languages.
    export ROS_LANG_DISABLE=gencpp:geneus:genlisp:gennodejs
    cmake -S "$PACKAGE_SPACE" -B .workspace/build -DCATKIN_DEVEL_PREFIX="$REPOSITORY/.workspace/devel" \
        -DCMAKE_INSTALL_PREFIX="$REPOSITORY/.workspace/install" -DPYTHON_EXECUTABLE="$PYTHON" \
        -DCATKIN_ENABLE_TESTING=OFF
    cmake --build .workspace/build
}

# The ROS set-up files read variables that may be unset.
source_quietly() {
    set +u
    # shellcheck disable=SC1090
    source "$1"
    set -u
}

enter_workspace() {
    [ -z "$NOETIC" ] || source_quietly "$NOETIC/setup.bash"
    source_quietly "$SETUP_FILE"
    export PATH=$REPOSITORY/.venv/bin:$PATH
}
