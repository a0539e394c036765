"""The samples in napari's menu File > Open Sample."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtWidgets import QApplication, QMainWindow, QProgressDialog, QWidget

from napari_sam2.demo.recording import RecordingError
from napari_sam2.demo.samples import BACTERIA, CHO, HELA, RealSample, Sample, simulated_depth, simulated_division
from napari_sam2.ui.messages import Cancelled, tell

LayerData = tuple[Any, dict[str, Any], str]
_LOOK = 50  # milliseconds between two looks at the download


class SampleError(RuntimeError):
    """A sample cannot be opened; the message says why and what to do, in one line."""


def dividing_nuclei() -> list[LayerData]:
    """Simulated nuclei that divide, (t, y, x)."""
    return [_layer(simulated_division())]


def nuclei_3d() -> list[LayerData]:
    """Simulated nuclei in a z-stack, (z, y, x)."""
    return [_layer(simulated_depth())]


def hela() -> list[LayerData]:
    """HeLa nuclei of the Cell Tracking Challenge, (t, y, x)."""
    return _layers(HELA)


def bacteria() -> list[LayerData]:
    """Bacteria in phase contrast, (t, y, x)."""
    return _layers(BACTERIA)


def cho() -> list[LayerData]:
    """CHO nuclei of the Cell Tracking Challenge, (t, z, y, x)."""
    return _layers(CHO)


def _layers(sample: RealSample) -> list[LayerData]:
    try:
        return [_layer(_open(sample))]
    except SampleError as error:
        if QApplication.instance() is None:
            raise
        # An error that comes out of here is shown with its traceback, and so is an answer without layers. An image
        # without channels is none, and none is wanted.
        tell("warning", str(error))
        return [(np.empty((0, 1, 1)), {"channel_axis": 0}, "image")]


def _layer(sample: Sample) -> LayerData:
    limits = sample.contrast_limits
    if limits is None:
        low, high = np.percentile(sample.image[:: max(1, len(sample.image) // 8)], (1, 99.8))
        limits = float(low), float(high)
    about = {
        "name": sample.name,
        "scale": sample.scale,
        "units": sample.units,
        "axis_labels": sample.axis_labels,
        "contrast_limits": limits,
        "metadata": {"source": sample.source, "licence": sample.licence},
    }
    return sample.image, about, "image"


def _open(sample: RealSample) -> Sample:
    try:
        if sample.is_here or QApplication.instance() is None:
            return sample.open()
        return _with_progress(sample)
    except Cancelled:
        raise SampleError(f"The download of {sample.name} was cancelled.") from None
    except RecordingError as error:
        raise SampleError(
            f"{sample.name} could not be downloaded. Check the network, or open one of the simulated samples, which "
            f"need none ({error})."
        ) from None


def _with_progress(sample: RealSample) -> Sample:
    """Fetch a recording on another thread, under a window that shows how far it is and can cancel it."""
    stop = threading.Event()
    amount = [0, 0]

    def report(done: int, total: int | None) -> None:
        if stop.is_set():
            raise Cancelled
        amount[:] = done, total or 0

    with ThreadPoolExecutor(max_workers=1) as executor:
        future = executor.submit(sample.open, report)
        _wait(future, sample.name, amount, stop.set)
        return future.result()


def _main_window() -> QWidget | None:
    """The window above which another one opens, and whose colours it takes."""
    windows = [window for window in QApplication.topLevelWidgets() if isinstance(window, QMainWindow)]
    return QApplication.activeWindow() or next((window for window in windows if window.isVisible()), None)


def _wait(future: "Future[Sample]", name: str, amount: list[int], cancel: Callable[[], None]) -> None:
    dialog = QProgressDialog(_main_window())
    dialog.setObjectName("sample_progress")
    dialog.setWindowTitle("Open sample")
    dialog.setWindowModality(Qt.WindowModality.ApplicationModal)
    dialog.setMinimumWidth(420)
    dialog.setMinimumDuration(0)
    dialog.setAutoClose(False)
    dialog.setAutoReset(False)
    dialog.canceled.connect(cancel)
    loop = QEventLoop()

    def look() -> None:
        if future.done():
            loop.quit()
            return
        done, total = (value / 1e6 for value in amount)
        dialog.setRange(0, max(amount[1] // 1000, 0))
        dialog.setValue(amount[0] // 1000)
        text = f"{done:.0f} of {total:.0f} MB" if total else "looking for it"
        dialog.setLabelText(f"Downloading {name}, once: {text}")

    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(_LOOK)
    look()
    dialog.show()
    if not future.done():
        loop.exec()
    timer.stop()
    dialog.close()
    dialog.deleteLater()
