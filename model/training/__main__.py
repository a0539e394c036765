"""Train ``micro``: ``python -m training --out runs/micro --minutes 90``. Started again, it goes on where it was."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.run import together, train
from training.sizes import SIZES


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the log")
    parser.add_argument("--minutes", type=float, default=90, help="length of the schedule, in minutes of its own work")
    parser.add_argument("--rate", type=float, default=1.2e-3, help="highest learning rate")
    parser.add_argument("--images-only", type=float, default=0.3, help="share of the schedule before clips begin")
    parser.add_argument("--clips-every", type=int, default=2, help="one step in so many is on clips")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1, help="so many train together, each with batches of its own")
    parser.add_argument("--start", type=Path, help="weights to begin with (.safetensors), of an earlier run")
    parser.add_argument("--size", choices=SIZES, default="micro", help="network; --start grows into a larger one")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.processes == 1:
        train(0, options)
    else:
        together(options)


if __name__ == "__main__":
    main()
