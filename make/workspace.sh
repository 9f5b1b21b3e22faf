# The catkin workspace in build/.workspace: builds the messages and the executables' wrappers.
#
# Its src/rt_seg holds links to the package's own folders rather than one link to the repository: rosrun and rospack
# search a package's whole folder, and would find .venv, recordings and the build itself in it. They leave out build/,
# so a clone that is in somebody's own catkin workspace, too, has each executable once. What users source is
# .workspace/devel/setup.*, which leads there.

# shellcheck shell=bash disable=SC2034,SC2086

WORKSPACE=build/.workspace
PACKAGE_SPACE=$WORKSPACE/src/rt_seg
SETUP_FILE=.workspace/devel/setup.bash

build_workspace() {
    local inputs
    mkdir -p recordings
    mapfile -t inputs < <(find package.xml CMakeLists.txt setup.py cmake msg srv cfg src/rt_seg/ros/node/adjustable_settings.py \
        src/rt_seg/setting_field.py \
        -type f | sort)
    step build "build the catkin workspace" \
        "$WORKSPACE $(fingerprint "${inputs[@]}") $(package_entries; ls scripts training) $REPOSITORY $NOETIC" "$SETUP_FILE" run_cmake
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
    package_entries | while read -r entry; do ln -s "../../../../$entry" "$PACKAGE_SPACE/$entry"; done
}

run_cmake() {
    # A folder configured elsewhere (a moved or copied repository) cannot be configured again in place.
    rm -rf $WORKSPACE/build $WORKSPACE/devel .workspace
    link_package
    [ -z "$NOETIC" ] || source_quietly "$NOETIC/setup.bash"
    # Python only: nothing here is written in the other languages.
    export ROS_LANG_DISABLE=gencpp:geneus:genlisp:gennodejs
    cmake -S "$PACKAGE_SPACE" -B $WORKSPACE/build -DCATKIN_DEVEL_PREFIX="$REPOSITORY/$WORKSPACE/devel" \
        -DCMAKE_INSTALL_PREFIX="$REPOSITORY/$WORKSPACE/install" -DPYTHON_EXECUTABLE="$PYTHON" \
        -DCATKIN_ENABLE_TESTING=OFF
    cmake --build $WORKSPACE/build
    touch $WORKSPACE/CATKIN_IGNORE
    mkdir -p .workspace/devel
    local shell
    for shell in sh bash zsh; do
        echo ". '$REPOSITORY/$WORKSPACE/devel/setup.$shell'" >".workspace/devel/setup.$shell"
    done
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
