#!/bin/bash
# A clone of this package in a catkin workspace of one's own, beside packages that use it, as on a robot:
#   test/platforms/catkin_workspace.sh [catkin_make|catkin]
# Builds with the interpreter that has the packages of requirements-live.txt ($PYTHON, else .venv), with an overlay in
# C++ that includes rt_seg/SegmentedObjects.h and one in Python; installs; looks at both spaces; and launches the demo
# from the install space, headless. No rostest is needed.
set -euo pipefail

tool=${1:-catkin_make}
package=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-$package/.venv/bin/python}
work=$(mktemp -d)
unset ROS_PACKAGE_PATH CMAKE_PREFIX_PATH PYTHONPATH
# C++ and Python; the other languages take time only.
export ROS_LANG_DISABLE=geneus:genlisp:gennodejs
[ ! -f /opt/ros/noetic/setup.bash ] || { set +u; . /opt/ros/noetic/setup.bash; set -u; }

mkdir -p "$work/src"
git clone -q "$package" "$work/src/rt_seg"
if [ -d "$package/build/.workspace" ]; then
    # As after `make live` in the clone: its own workspace must not be found by the tools of this one.
    mkdir -p "$work/src/rt_seg/build"
    cp -a "$package/build/.workspace" "$work/src/rt_seg/build/.workspace"
fi
cp -r "$package/test/platforms/overlay_cpp" "$package/test/platforms/overlay_python" "$work/src"

cd "$work"
if [ "$tool" = catkin ]; then
    catkin config --init --install --cmake-args -DPYTHON_EXECUTABLE="$python" >/dev/null
    catkin build --no-status --summarize -j1
else
    catkin_make -j1 -DPYTHON_EXECUTABLE="$python"
    catkin_make -j1 install
fi

look() { # look SPACE: the executables of a space, under the interpreter of the build
    (
        set +u
        . "$work/$1/setup.bash"
        set -u
        echo "== $1: $(rospack find rt_seg)"
        rosrun overlay_cpp count_objects </dev/null
        rosrun overlay_python count_objects </dev/null
        # Ambiguous executables would make rosrun ask.
        rosrun rt_seg doctor --help </dev/null | head -1
        ! rosrun rt_seg doctor --help </dev/null | grep -q "non-unique"
        ! rosrun rt_seg doctor --help </dev/null | grep -q "Couldn't find"
        head -1 "$(catkin_find --first-only --libexec rt_seg doctor)"
        roslaunch --nodes rt_seg live.launch viewer:=status
    )
}
look devel
look install

(
    set +u
    . "$work/install/setup.bash"
    set -u
    # A master and a home of its own: the demo is rendered anew.
    export ROS_HOME=$work/home ROS_MASTER_URI=http://localhost:${PORT:-11577} ROS_HOSTNAME=localhost
    cd "$work"
    timeout 900 roslaunch rt_seg live.launch viewer:=status snapshot:=snapshot.png >demo.log 2>&1 ||
        { tail -n 20 demo.log; exit 1; }
    grep -E "[1-9][0-9]* masks, |frames \(" demo.log
    test -s home/rt_seg/demo.bag -a -s snapshot.png
)
rm -rf "$work"
echo "$tool: all of it built, found, and the demo segmented from the install space"
