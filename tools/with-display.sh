#!/bin/sh
# with-display.sh COMMAND ...: run a command that opens windows, under Xvfb where there is no display.
set -eu
. "$(dirname "$0")/system-packages.sh"

# napari's canvas crashes or stays blank on Qt's offscreen platform.
unset QT_QPA_PLATFORM

if [ "$(uname)" != Linux ] || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    exec "$@"
fi
if command -v apt-get >/dev/null 2>&1; then
    missing=$(missing_packages xvfb xauth $window_packages)
    if [ -n "$missing" ] && [ "$(id -u)" = 0 ]; then
        echo "Installing the system packages that a window needs: $missing"
        log=$(mktemp)
        if ! { apt-get update && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
            cat "$log" >&2
            exit 1
        fi
        rm -f "$log"
    elif [ -n "$missing" ]; then
        echo "napari-drr: windows need packages that seem to be missing here. If the next command" >&2
        echo "fails: sudo apt-get install $missing" >&2
    fi
fi
if ! command -v xvfb-run >/dev/null 2>&1; then
    echo "napari-drr: no display and no xvfb-run. Install Xvfb, or run from a desktop session." >&2
    exit 1
fi
exec xvfb-run -a -s "-screen 0 1400x1000x24" "$@"
