#!/bin/sh
# demo.sh PYTHON: napari on the thorax phantom with the DRR dock, or pictures where no window opens.
set -eu
python=$1

if [ "$(uname)" = Linux ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    echo "No display found: rendering the phantom without a window."
    exec "$python" tools/demo_headless.py
fi
# A missing system library ends Qt with an abort: try in a child process.
if ! message=$("$python" tools/demo_probe.py 2>&1); then
    echo "$message" | tail -n 3 >&2
    echo "napari-drr: no window opens here. On Debian or Ubuntu this installs what is missing:" >&2
    echo "  sudo apt-get install libgl1 libgl1-mesa-dri libegl1 libglib2.0-0 libdbus-1-3 libfontconfig1 fonts-dejavu-core libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0" >&2
    echo "Rendering the phantom without a window instead."
    exec "$python" tools/demo_headless.py
fi
exec "$python" examples/open_phantom.py
