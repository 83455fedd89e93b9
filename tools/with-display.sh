#!/bin/sh
# with-display.sh COMMAND ...: run a command that opens windows, under Xvfb where there is no display.
set -eu

# What a napari window needs on a bare Debian; the Qt libraries alone do not bring it.
packages="xvfb xauth libgl1 libgl1-mesa-dri libegl1 libglib2.0-0 libdbus-1-3 libfontconfig1 \
fonts-dejavu-core libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"

# napari's canvas crashes or stays blank on Qt's offscreen platform.
unset QT_QPA_PLATFORM

is_installed() {
    for package in $packages; do
        dpkg -s "$package" >/dev/null 2>&1 || return 1
    done
}

case $(uname) in
    Linux) ;;
    *) exec "$@" ;;
esac
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    exec "$@"
fi
if command -v apt-get >/dev/null 2>&1 && ! is_installed; then
    if [ "$(id -u)" = 0 ]; then
        echo "Installing the system packages that a window needs ..."
        log=$(mktemp)
        if ! { apt-get update && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends $packages; } >"$log" 2>&1; then
            cat "$log" >&2
            exit 1
        fi
        rm -f "$log"
    else
        echo "napari-drr: windows need these packages: sudo apt-get install" $packages >&2
        exit 1
    fi
fi
if ! command -v xvfb-run >/dev/null 2>&1; then
    echo "napari-drr: no display and no xvfb-run. Install Xvfb, or run from a desktop session." >&2
    exit 1
fi
exec xvfb-run -a -s "-screen 0 1400x1000x24" "$@"
