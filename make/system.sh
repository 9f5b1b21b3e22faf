# System packages: installs what is missing of apt-packages.txt. Nothing to do when all are there.

# shellcheck shell=bash disable=SC2034,SC2086

# packages GROUP...: the names that this distribution gives to the packages of these groups.
packages() {
    awk -v groups=" $* " -v column="${NOETIC:+3}" '
        !/^#/ && NF == 3 && index(groups, " " $1 " ") { name = $(column ? column : 2); if (name != "-") print name }
    ' apt-packages.txt
}

missing_packages() {
    local wanted
    wanted=$(packages "$@")
    # dpkg-query fails when it does not know one of the names.
    { dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null || true; } |
        sed -n 's/^installed //p' | sort -u | comm -13 - <(sort -u <<<"$wanted")
}

# prepare_installation PACKAGE...: finds out how to install them, or ends with a line that says what is in the way.
prepare_installation() {
    AS_ROOT=()
    command -v apt-get >/dev/null ||
        stop "apt-get not found. Supported: Debian 12, Ubuntu 22.04 and 24.04, and any Ubuntu with /opt/ros/noetic."
    [ "$(id -u)" -ne 0 ] || return 0
    command -v sudo >/dev/null || stop "system packages are missing, you are not root, and sudo is not installed." \
        "Ask an administrator for: apt-get install --no-install-recommends $*"
    say "sudo is needed to install: $*"
    sudo -v || stop "sudo failed. These packages are missing: $*"
    AS_ROOT=(sudo)
}

# install_packages GROUP...
install_packages() {
    local missing
    missing=$(missing_packages "$@" | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    step "system-${!#}" "install $(wc -w <<<"$missing") missing system packages" "$missing" /nonexistent \
        apt_install $missing
    PACKAGE_LISTS=fresh
}

PACKAGE_LISTS=unknown

apt_install() {
    echo "missing: $*"
    [ "$PACKAGE_LISTS" = fresh ] || "${AS_ROOT[@]}" apt-get update
    "${AS_ROOT[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
}
