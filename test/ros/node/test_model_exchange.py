"""A loaded model is either taken over by the worker or withdrawn, never both."""

import threading

from rt_seg.ros.node.model_exchange import ModelExchange


def _offered(exchange, model, patience):
    """Offers in a thread of its own; returns the thread and the list that gets the answer."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(exchange.offer(model, patience)), daemon=True)
    thread.start()
    return thread, answers


def _take(exchange):
    """Waits until a model is there, and takes it."""
    while True:
        with exchange.taken() as model:
            if model is not None:
                return model


def test_a_model_that_is_taken_over_ends_the_wait():
    exchange = ModelExchange()
    thread, answers = _offered(exchange, "model", 30.0)
    assert _take(exchange) == "model"
    thread.join(10.0)
    assert answers == [True]
    with exchange.taken() as nothing:
        assert nothing is None


def test_a_model_that_nobody_takes_is_withdrawn():
    exchange = ModelExchange()
    assert exchange.offer("model", 0.01) is False
    with exchange.taken() as nothing:
        assert nothing is None


def test_a_model_whose_takeover_began_in_time_is_not_withdrawn_however_long_it_takes():
    exchange, claimed, finish = ModelExchange(), threading.Event(), threading.Event()

    def work():
        while not claimed.is_set():
            with exchange.taken() as model:
                if model is not None:
                    claimed.set()
                    finish.wait(10.0)

    worker = threading.Thread(target=work, daemon=True)
    thread, answers = _offered(exchange, "model", 0.2)
    worker.start()
    assert claimed.wait(10.0)
    thread.join(0.5)  # its patience has long ended, but the model is the worker's
    assert thread.is_alive() and answers == []
    finish.set()
    thread.join(10.0)
    worker.join(10.0)
    assert answers == [True]


def test_a_takeover_that_fails_ends_the_wait_too():
    exchange = ModelExchange()
    thread, answers = _offered(exchange, "model", 30.0)
    try:
        while True:
            with exchange.taken() as model:
                assert model is None, "taken"
    except AssertionError:
        pass
    thread.join(10.0)
    assert answers == [True]
