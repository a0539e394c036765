"""Measure all sides in turn, in one run, and print ratios: ``python -m speed`` from ``benchmarks/`` (``make bench``).

Meta's `sam2` 1.1.0 and `transformers` run in an environment of their own, which is made on the first run. Each task is
given to all sides one after the other, several times; medians are compared. Machines differ and are noisy: the ratios
are the result, the seconds are not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import venv
from pathlib import Path
from statistics import median
from typing import Any

from speed.plot import draw

HERE = Path(__file__).parent
ORACLE = HERE.parent / ".oracle"
META = ("torch==2.14.1", "torchvision==0.29.1", "setuptools", "wheel", "numpy")


def oracle_python() -> Path:
    """Python of the environment with Meta's package and transformers."""
    python = ORACLE / "bin" / "python"
    if not (ORACLE / "made").exists():
        venv.create(ORACLE, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "-q"]
        subprocess.run([*pip, *META], check=True)
        plain = {**os.environ, "SAM2_BUILD_CUDA": "0"}
        subprocess.run([*pip, "--no-build-isolation", "sam2==1.1.0"], check=True, env=plain)
        subprocess.run([*pip, "transformers==5.24.0"], check=True)
        (ORACLE / "made").touch()
    return python


class Side:
    """A measuring process."""

    def __init__(self, python: str | Path, script: str) -> None:
        root = HERE.parents[1]
        places = (HERE, root / "tests" / "oracle", root / "model", os.environ.get("PYTHONPATH", ""))
        self._process = subprocess.Popen(
            [str(python), str(HERE / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(str(place) for place in places if str(place))},
        )

    def ask(self, task: str, **order: Any) -> Any:
        """Let it do a task and return its answer."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the process has no pipes")
        stdin.write(json.dumps({"task": task, **order}) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise SystemExit(f"{self._process.args} ended at {task} {order}; run it by hand to see why")
        return json.loads(line)


def say(text: str) -> None:
    print(text, flush=True)


class Report:
    """Rows of a table, with what they were compared with."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, what: str, side: str, seconds: float, against: float | None) -> None:
        ratio = None if against is None else against / seconds
        self.rows.append({"what": what, "side": side, "seconds": seconds, "ratio": ratio})
        say(f"| {what} | {side} | {seconds:.3f} | {'' if ratio is None else f'{ratio:.2f} x'} |")


def measure(rounds: int, data: Path | None, report: Report) -> None:
    """Everything, in the order of the table."""
    python = oracle_python()
    meta, theirs = Side(python, "meta_side.py"), Side(python, "transformers_side.py")
    ours = Side(sys.executable, "our_side.py")
    say("| what | who | seconds (median) | against Meta |\n|---|---|---|---|")

    encoded: dict[str, list[float]] = {"Meta": [], "transformers": [], "float32": [], "bfloat16": []}
    clicked: dict[str, list[list[float]]] = {"Meta": [], "float32": [], "bfloat16": [], "micro": []}
    for _ in range(rounds):
        encoded["Meta"].append(meta.ask("encode"))
        encoded["transformers"].append(theirs.ask("encode"))
        for precision in ("float32", "bfloat16"):
            encoded[precision].append(ours.ask("encode", precision=precision))
        clicked["Meta"].append(meta.ask("click"))
        for precision in ("float32", "bfloat16"):
            clicked[precision].append(ours.ask("click", precision=precision))
        clicked["micro"].append(ours.ask("click", precision="bfloat16", model="micro"))
    compare(report, "encode an image, 1024 x 1024", encoded)
    for index, what in enumerate(("first click in an image", "click, features at hand")):
        compare(report, what, {side: [pair[index] for pair in pairs] for side, pairs in clicked.items()})

    one: dict[str, list[float]] = {"Meta": [], "transformers": [], "float32": [], "bfloat16": []}
    for _ in range(max(1, rounds // 2)):
        one["Meta"] += meta.ask("propagate", objects=1, count=9)[6:]
        one["transformers"] += theirs.ask("propagate", objects=1, count=9)[6:]
        for precision in ("float32", "bfloat16"):
            one[precision] += [ours.ask("track", objects=1, view="frame", precision=precision) for _ in range(2)]
    compare(report, "a frame, 1 object, exact", one)
    ten = {"Meta": meta.ask("propagate", objects=10, count=9)[6:]}
    ten |= {
        p: [ours.ask("track", objects=10, view="frame", precision=p) for _ in range(2)] for p in ("float32", "bfloat16")
    }
    compare(report, "a frame, 10 objects, exact", ten)
    alone = median(encoded["Meta"])
    fifty = alone + 50 * (median(ten["Meta"]) - alone) / 10
    parts = {"Meta, five times the ten objects": [fifty]}
    parts |= {
        f"{p}, parts of the frame": [ours.ask("track", objects=50, view="auto", precision=p) for _ in range(2)]
        for p in ("float32", "bfloat16")
    }
    compare(report, "a frame, 50 objects", parts)
    if data is not None:
        whole = sum(meta.ask("propagate", objects=1, count=20))
        cells = ours.ask("hela", data=str(data))
        report.add("20 frames, 1 object", "Meta", whole, None)
        report.add(
            f"20 frames, {cells['cells']} HeLa cells (mean IoU {cells['iou']:.3f})", "micro", cells["seconds"], whole
        )
    rates = ours.ask("rates")
    for precision in ("float32", "bfloat16"):
        reached = rates["encoding"] / median(encoded[precision])
        say(f"Encoding, {precision}: {reached:.0f} GFLOP/s; torch's own product: {rates[precision]:.0f} GFLOP/s.")
    say(f"Our product in float32 (sam2/products.py): {rates['ours']:.0f} GFLOP/s.")


def compare(report: Report, what: str, times: dict[str, list[float]]) -> None:
    """Rows for all sides; the first one is what the others are compared with."""
    (first, base), *others = ((side, median(values)) for side, values in times.items())
    report.add(what, first, base, None)
    for side, seconds in others:
        report.add(what, side, seconds, base)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument(
        "--data", type=Path, help="folder with the recordings (see model/evaluation), for the last rows"
    )
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--plot", type=Path, help="draw the ratios into this picture")
    options = parser.parse_args()
    say(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    report = Report()
    measure(options.rounds, options.data, report)
    if options.json:
        options.json.write_text(json.dumps(report.rows, indent=1))
    if options.plot:
        draw(report.rows, options.plot)


if __name__ == "__main__":
    main()
