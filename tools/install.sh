#!/bin/sh
# install.sh PYTHON VENV EXTRAS: make a virtual environment and install the project into it.
set -eu
python=$1 venv=$2 extras=$3

if ! command -v "$python" >/dev/null 2>&1; then
    echo "napari-drr: no '$python' found. Install Python 3.11 or newer, or name one: make PYTHON=python3.12 ..." >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "napari-drr: Python 3.11 or newer is needed, '$python' is $("$python" -V 2>&1). Name another one: make PYTHON=python3.12 ..." >&2
    exit 1
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    echo "napari-drr: '$python' has no venv module. On Debian or Ubuntu: apt-get install python3-venv" >&2
    exit 1
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "Installing into $venv (a few minutes the first time) ..."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt \
    ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$extras]"
