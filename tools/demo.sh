#!/bin/sh
# demo.sh PYTHON: napari on the thorax phantom with the DRR dock, or pictures where no window opens.
set -eu
. "$(dirname "$0")/system-packages.sh"
python=$1

if [ "$(uname)" = Linux ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    echo "No display found: rendering the phantom without a window."
    exec "$python" tools/demo_headless.py
fi
# A missing system library ends Qt with an abort: try in a child process.
if ! message=$("$python" tools/demo_probe.py 2>&1); then
    echo "$message" | tail -n 3 >&2
    echo "napari-drr: no window opens here." >&2
    missing=$(missing_packages $window_packages)
    if [ -n "$missing" ]; then
        echo "On Debian or Ubuntu this installs what is missing: sudo apt-get install $missing" >&2
    fi
    echo "Rendering the phantom without a window instead."
    exec "$python" tools/demo_headless.py
fi
exec "$python" examples/open_phantom.py
