"""Qt's event loop as the widget sees it."""

from qtpy.QtCore import QCoreApplication, QEvent

from napari_sam2.ui.loop import QtLoop


def test_calls_run_in_order_until_it_is_closed(qtbot):
    loop, seen = QtLoop(), []
    loop.post(lambda: seen.append(1))
    loop.post(lambda: seen.append(2))
    assert seen == []
    qtbot.waitUntil(lambda: seen == [1, 2], timeout=2000)
    loop.post(lambda: seen.append(3))
    loop.close()
    loop.post(lambda: seen.append(4))
    qtbot.wait(20)
    assert seen == [1, 2]


def test_a_loop_that_qt_has_deleted_takes_nothing_and_says_nothing(qtbot):
    loop, seen = QtLoop(), []
    loop.deleteLater()
    QCoreApplication.sendPostedEvents(loop, QEvent.Type.DeferredDelete)
    loop.post(lambda: seen.append(1))
    qtbot.wait(20)
    assert seen == []
