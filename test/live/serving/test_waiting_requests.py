"""Requests before one engine: the newest of a client wins, clients take turns, and nobody waits beyond a deadline."""

import asyncio
import threading
import time

from rt_seg.serving.waiting_requests import RequestRefused, WaitingRequests


def test_the_newest_image_of_a_client_wins_and_others_keep_their_turn():
    release = threading.Event()

    async def scenario():
        requests = WaitingRequests()
        first = asyncio.ensure_future(requests.run("a", lambda: release.wait(5.0) and "a1", 5.0))
        await asyncio.sleep(0.05)  # the engine is busy with it
        waiting = [asyncio.ensure_future(requests.run(client, lambda text=text: text, 5.0))
                   for client, text in (("a", "a2"), ("b", "b1"), ("a", "a3"))]  # fmt: skip
        await asyncio.sleep(0.05)
        release.set()
        found = await asyncio.gather(first, *waiting, return_exceptions=True)
        requests.close()
        return found

    first, second, other, third = asyncio.run(scenario())
    assert (first, other, third) == ("a1", "b1", "a3")
    assert isinstance(second, RequestRefused) and "newer" in str(second)


def test_a_request_that_waited_longer_than_its_deadline_is_not_worked_on():
    worked = []

    async def scenario():
        requests = WaitingRequests()
        slow = asyncio.ensure_future(requests.run("a", lambda: time.sleep(0.3), 5.0))
        await asyncio.sleep(0.02)
        late = asyncio.ensure_future(requests.run("b", lambda: worked.append("b"), 0.1))
        found = await asyncio.gather(slow, late, return_exceptions=True)
        requests.close()
        return found

    assert isinstance(asyncio.run(scenario())[1], RequestRefused) and not worked


def test_more_clients_than_may_wait_are_refused_at_once():
    async def scenario():
        requests = WaitingRequests(capacity=2)
        jobs = [asyncio.ensure_future(requests.run(str(number), lambda: time.sleep(0.05), 5.0)) for number in range(5)]
        found = await asyncio.gather(*jobs, return_exceptions=True)
        requests.close()
        return found

    found = asyncio.run(scenario())
    assert sum(isinstance(item, RequestRefused) for item in found) == 3


def test_what_a_job_raises_goes_to_its_client_and_the_next_is_worked_on():
    async def scenario():
        requests = WaitingRequests()

        def fail():
            raise ValueError("no image")

        found = await asyncio.gather(requests.run("a", fail, 5.0), requests.run("b", lambda: 2, 5.0),
                                     return_exceptions=True)  # fmt: skip
        requests.close()
        return found

    failed, worked = asyncio.run(scenario())
    assert isinstance(failed, ValueError) and worked == 2


def test_under_overload_clients_get_the_same_number_of_answers():
    counts = dict.fromkeys("abcd", 0)

    async def client(requests, name, period, ends):
        while time.monotonic() < ends:
            try:
                await requests.run(name, lambda: time.sleep(0.005), 1.0)
                counts[name] += 1
            except RequestRefused:
                pass
            await asyncio.sleep(period)

    async def scenario():
        requests = WaitingRequests()
        ends = time.monotonic() + 1.0
        await asyncio.gather(*(client(requests, name, 0.001, ends) for name in counts))
        requests.close()

    asyncio.run(scenario())
    assert max(counts.values()) - min(counts.values()) <= 2 and min(counts.values()) > 5, counts
