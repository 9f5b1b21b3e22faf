"""The thread of the results: in order, beside the caller, and never more than one image behind."""

import threading

import pytest

from rt_seg.ros.node.frame_requests import FrameRequests
from rt_seg.ros.node.results_thread import ResultsThread


@pytest.fixture
def thread():
    thread = ResultsThread()
    yield thread
    thread.close()


def test_a_job_runs_beside_the_caller_and_the_next_one_waits_for_it(thread):
    going_on, order = threading.Event(), []

    def first():
        assert going_on.wait(10.0)
        order.append("first")

    thread.run(first)
    assert order == [], "run must not wait for the job"
    waiting = threading.Thread(target=thread.run, args=(lambda: order.append("second"),))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive(), "two jobs at once would mix the results of two images"
    going_on.set()
    waiting.join(10.0)
    thread.wait()
    assert order == ["first", "second"]


def test_what_a_job_raises_is_not_lost(thread):
    def broken():
        raise RuntimeError("a defect")

    thread.run(broken)
    with pytest.raises(RuntimeError, match="a defect"):
        thread.wait()
    thread.wait()


def test_at_the_end_the_last_job_is_done():
    thread, done = ResultsThread(), []
    thread.run(lambda: done.append(True))
    thread.close()
    assert done == [True]


def test_who_asked_while_two_images_were_on_their_way_is_answered_by_the_first():
    requests, answers = FrameRequests(), []
    asking = threading.Thread(target=lambda: answers.append(requests.next_frame(10.0)))
    asking.start()
    while not requests.pending():
        pass
    of_first, of_second = requests.pending(), requests.pending()
    requests.answer(of_first, "inputs 1", "results 1")
    requests.answer(of_second, "inputs 2", "results 2")
    asking.join(10.0)
    assert answers == [("inputs 1", "results 1")]
    assert requests.pending() == []
