"""The peers' own environment: made once, in `benchmarks/.venv-peers`, of pinned versions."""

import os
import subprocess
import sys
import venv
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
FOLDER = HERE / ".venv-peers"
MADE = FOLDER / ".made"

VERSIONS = {"diffdrr": "0.6.1", "nanodrr": "0.1.7"}
TORCH = "torch==2.13.0"
COMMON = ("torchio>=1,<2", "numpy", "pandas", "scipy", "einops", "roma", "fastcore")
# DiffDRR also names torchvision, timm, kornia and VTK, which its renderer never imports: half a
# gigabyte, and torchvision loads only beside the very build of torch that it was made for.
WITHOUT_DEPENDENCIES = ("diffdrr",)


@dataclass
class Peers:
    """The interpreter that has the peers, and why one of them is missing."""

    python: Path | None
    missing: dict[str, str] = field(default_factory=dict)


def make_peers() -> Peers:
    """Make the environment unless it is there; what can't be had is told, not raised."""
    python = FOLDER / ("Scripts" if os.name == "nt" else "bin") / "python"
    wanted = _wanted()
    if not (MADE.is_file() and MADE.read_text() == wanted):
        problem = _install(python)
        if problem:
            return Peers(None, dict.fromkeys(VERSIONS, problem))
    missing = {name: problem for name in VERSIONS if (problem := _problem(python, name))}
    if not missing:
        MADE.write_text(wanted)
    return Peers(python, missing)


def _wanted() -> str:
    pinned = [f"{name}=={version}" for name, version in VERSIONS.items()]
    return "\n".join([sys.version.split()[0], TORCH, *COMMON, *pinned])


def _install(python: Path) -> str | None:
    """Install, and return what went wrong with what all peers need."""
    print("Installing the peers into benchmarks/.venv-peers (a few minutes the first time) ...")
    if not python.is_file():
        venv.create(FOLDER, with_pip=True, clear=True)
    index = os.environ.get("TORCH_INDEX")
    problem = _pip(python, TORCH, *(["--index-url", index] if index else []))
    problem = problem or _pip(python, TORCH, *COMMON)
    if problem:
        return problem
    for name, version in VERSIONS.items():
        alone = ["--no-deps"] if name in WITHOUT_DEPENDENCIES else []
        _pip(python, f"{name}=={version}", TORCH, *alone)
    return None


def _pip(python: Path, *arguments: str) -> str | None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    print(done.stderr, file=sys.stderr)
    return f"pip could not install {arguments[0]}"


def _problem(python: Path, name: str) -> str | None:
    """Return why a peer's module does not load."""
    command = [str(python), "-c", f"import benchmarks.programs.{name}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    return f"could not be loaded: {done.stderr.strip().splitlines()[-1][:100]}"
