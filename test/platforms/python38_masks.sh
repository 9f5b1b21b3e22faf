#!/bin/bash
# Runs the segmentation node under Python 3.8, as on ROS Noetic, and under the interpreter of the workspace, on the same
# recording, and compares their masks. Usage, with the workspace sourced:
#   test/platforms/python38_masks.sh PYTHON38 RECORDING.bag
# PYTHON38 is of an environment with requirements-live.txt, and what ROS's modules import of the distribution's Python
# packages: rospkg, catkin_pkg, defusedxml, netifaces, pycryptodomex. ROS's pure Python is the distribution's: its folder
# (/usr/lib/python3/dist-packages) stands in a .pth file, so behind the environment's own. Where that was made for another
# Python, cv_bridge does not load, and NumPy packs the images.
set -euo pipefail

python38=$1 recording=$(realpath "$2") package=$(cd "$(dirname "$0")/../.." && pwd) work=$(mktemp -d)
export ROS_MASTER_URI=${ROS_MASTER_URI:-http://localhost:11575} ROS_HOSTNAME=localhost
port=${ROS_MASTER_URI##*:}
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT

roscore -p "$port" >"$work/roscore.log" 2>&1 & pids+=($!)
until rosparam list >/dev/null 2>&1; do sleep 0.3; done

# play PYTHON NAME: the masks of a node under this interpreter go to $work/NAME.npz
play() {
    local python=$1 name=$2 node collector
    rosparam set /use_sim_time true
    rosparam delete /segmentation >/dev/null 2>&1 || true
    python3 "$package/test/platforms/collect_masks.py" collect "$work/$name.npz" & collector=$!
    "$python" "$package/scripts/segmentation_node" __name:=segmentation _bundle:="$package/models/tabletop" \
        _mode:=every_frame color/image_raw:=/camera/color/image_raw color/camera_info:=/camera/color/camera_info \
        aligned_depth_to_color/image_raw:=/camera/aligned_depth_to_color/image_raw >"$work/$name.log" 2>&1 & node=$!
    pids+=("$collector" "$node")
    rosrun rt_seg replay _recording:="$recording" _mode:=every_frame _clock:=true _consumer:=segmentation \
        _result:=segmentation/mask _linger:=60.0 >"$work/replay_$name.log" 2>&1
    kill -INT "$collector" "$node"
    wait "$collector" "$node" || true
    echo "$name: $("$python" -c 'import sys, numpy; print("Python", sys.version.split()[0], "NumPy", numpy.__version__)')"
    grep -h "cv_bridge\|model " "$work/$name.log" || true
}

play "$(command -v python3)" here
play "$python38" python38
# Of different versions of OpenVINO, whose sums differ in the last bits, some pixels may.
if ! python3 "$package/test/platforms/collect_masks.py" compare "$work/here.npz" "$work/python38.npz"; then
    tail -n 5 "$work/python38.log"
    exit 1
fi
