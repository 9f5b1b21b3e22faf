#!/bin/bash
# Runs the steps of the Dockerfile, read from it, in a Debian 12 root made by debootstrap, for machines without a container
# engine or a registry:
#   sudo test/platforms/docker_steps.sh ROOT [STAGE] [SECONDS]
# Runs all stages up to STAGE (default: live), then its CMD with ports of its own for SECONDS of masks (default: 20; 0: not
# at all): the page of the live view must answer, and the node must send masks. ROOT stays, to look at; a second run goes
# on in it. The stage training needs 0 for SECONDS: its CMD is a shell. Wants debootstrap, util-linux and iproute2.
set -euo pipefail

mkdir -p "$1"
root=$(realpath "$1") wanted=${2:-live} duration=${3:-20}
package=$(cd "$(dirname "$0")/../.." && pwd)
[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase bookworm "$root" http://deb.debian.org/debian
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/docker-apt-speedup" # as in the image

folder=/ stage= number=0
environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root)
# What a container engine hands in: names, and the proxies and certificates of the one who builds.
cp /etc/resolv.conf /etc/hosts "$root/etc/"
mkdir -p "$root/usr/local/share/ca-certificates"
find /usr/local/share/ca-certificates -name '*.crt' -exec cp -t "$root/usr/local/share/ca-certificates" {} +
passed=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL PIP_CERT; do
    [ -z "${!name:-}" ] || passed+=("$name=${!name}")
done

# inside COMMAND...: in the root, with /proc, /dev and /sys, and with processes of its own, which end with it
inside() {
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child ${ALONE:+--net} bash -c '
        root=$1 folder=$2; shift 2
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount --rbind /sys "$root/sys"
        [ -z "$ALONE" ] || ip link set lo up
        exec chroot "$root" /usr/bin/env -i "${@:2:$1}" /bin/sh -c "cd $folder && exec \"\$@\"" sh "${@:$1 + 2}"
    ' bash "$root" "$folder" "${#environment[@]}" "${environment[@]}" "$@" </dev/null
}

command=
while read -r instruction rest; do
    case $instruction in
        FROM)
            [ "$stage" != "$wanted" ] || break
            stage=${rest##* } ;;
        RUN)
            number=$((number + 1)) started=$SECONDS
            echo "== $stage, step $number: $rest"
            environment+=("${passed[@]}")
            ALONE='' inside /bin/sh -c "$rest"
            environment=("${environment[@]:0:${#environment[@]}-${#passed[@]}}")
            echo "== $((SECONDS - started)) s" ;;
        WORKDIR) folder=$rest && mkdir -p "$root$rest" ;;
        COPY)
            [ "$rest" = ". ." ] || { echo "COPY $rest is not known here" >&2; exit 2; }
            tar -C "$package" --exclude-from=<(sed 's,^,./,' "$package/.dockerignore") --anchored -c . |
                tar -C "$root$folder" -x --no-same-owner ;;
        ENV) read -ra more <<<"$rest" && environment+=("${more[@]}") ;;
        CMD) command=$rest ;;
        EXPOSE) ;;
        *) echo "$instruction is not known here" >&2; exit 2 ;;
    esac
done < <(sed -e ':join; /\\$/ { N; s/\\\n *//; b join }' "$package/Dockerfile" | grep -v '^ *#' | grep .)
[ "$stage" = "$wanted" ] || { echo "the Dockerfile has no stage $wanted" >&2; exit 2; }
[ "$duration" != 0 ] || exit 0

echo "== $stage: CMD $command"
mapfile -t words < <(python3 -c 'import json, sys; print(*json.loads(sys.argv[1]), sep="\n")' "$command")
cp "$package/test/platforms/look_at_container.py" "$root/tmp/"
ALONE=yes inside python3 /tmp/look_at_container.py "$duration" "${words[@]}"
