"""A process that measures one side: reads tasks as JSON lines, answers each with a JSON line of seconds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

Task = Callable[..., Any]


def serve(tasks: dict[str, Task]) -> None:
    """Answer tasks until the input ends. What the measured code prints goes to standard error."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        order = json.loads(line)
        answers.write(json.dumps(tasks[order.pop("task")](**order)) + "\n")
        answers.flush()
