"""The parent's side of a worker."""

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from benchmarks.case import Case
from benchmarks.peers import ROOT, Peers

PATIENCE_SECONDS = 300.0


class NotMeasured(Exception):
    """Why there is no number."""


class Program:
    """One program's worker, started when it is first asked.

    Args:
        name: Module in `benchmarks.programs`.
        peers: Where peers' interpreter is.
        scenes: Folder of the scenes.
    """

    def __init__(self, name: str, peers: Peers, scenes: Path) -> None:
        self.name = name
        self._peers = peers
        self._scenes = scenes
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()

    @property
    def missing(self) -> str | None:
        """Why the program is not here, or None."""
        problem = self._peers.missing.get(self.name)
        return f"not measured: {problem}" if problem else None

    @property
    def python(self) -> str:
        """The interpreter that has the program."""
        return sys.executable if self.name == "ours" else str(self._peers.python)

    def ask(self, do: str, patience: float = PATIENCE_SECONDS, **request: Any) -> dict[str, Any]:
        """Send a request and wait for the answer.

        Raises:
            NotMeasured: If the program is not here, fails, dies or takes too long.
        """
        process = self._running()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps({"do": do, **request}) + "\n")
            process.stdin.flush()
            answer = json.loads(self._answers.get(timeout=patience))
        except queue.Empty:
            self.close()
            raise NotMeasured(f"took more than {patience:.0f} s") from None
        except (BrokenPipeError, json.JSONDecodeError):
            self.close()
            raise NotMeasured("its process died, probably for want of memory") from None
        if not answer["ok"]:
            raise NotMeasured(answer["error"])
        return answer

    def prepare(self, case: Case, image: Path | None = None) -> float:
        """Build a case, render it once and return the seconds that took."""
        path = None if image is None else str(image)
        return float(self.ask("prepare", case=case.to_dict(), image=path)["warmup_s"])

    def repeat(self, count: int) -> tuple[list[float], list[float]]:
        """Time the prepared case again: on the wall, and on a GPU's clock."""
        answer = self.ask("repeat", count=count)
        return answer["wall_s"], answer["gpu_s"]

    def memory(self, case: Case) -> dict[str, Any]:
        """Measure a case's peak memory in a process of its own."""
        self.close()
        try:
            return self.ask("memory", case=case.to_dict())
        finally:
            self.close()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()

    def _running(self) -> subprocess.Popen[str]:
        if self.name in self._peers.missing:
            raise NotMeasured(self._peers.missing[self.name])
        if self._process is None:
            self._process = self._start()
        return self._process

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [self.python, "-m", "benchmarks.worker", self.name, str(self._scenes)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._answers = queue.Queue()
        threading.Thread(target=_pass_on, args=(process, self._answers), daemon=True).start()
        self._answers.get(timeout=PATIENCE_SECONDS)  # it says so when its imports are done
        return process


def _pass_on(process: "subprocess.Popen[str]", answers: "queue.Queue[str]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        answers.put(line)
    answers.put("")  # an answer that is none: the process ended
