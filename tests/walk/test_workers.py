"""Who computes makes no difference to what comes out, and work that ends early ends in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from phytomass.walk.workers import Workers

WAYS = [Workers(1, "serial"), Workers(3), Workers(2, "processes")]


@pytest.mark.parametrize("workers", WAYS, ids=["one", "threads", "processes"])
def test_results_in_the_order_of_the_tasks_or_as_they_are_done(workers: Workers) -> None:
    tasks = [(k, 2) for k in range(20)]
    with workers.pool() as pool:
        assert list(pool.run(pow, tasks, ordered=True)) == [k**2 for k in range(20)]
        assert sorted(pool.run(pow, tasks)) == [k**2 for k in range(20)]
        assert list(pool.run(pow, [])) == []


@pytest.mark.parametrize("workers", WAYS, ids=["one", "threads", "processes"])
@pytest.mark.parametrize("ordered", [True, False])
def test_tasks_are_taken_only_as_they_are_needed(workers: Workers, ordered: bool) -> None:
    taken = [0]

    def tasks() -> Iterator[tuple[int]]:
        for k in range(100):
            taken[0] += 1
            yield (k,)

    with workers.pool() as pool:
        for done, _ in enumerate(pool.run(abs, tasks(), ordered=ordered), 1):
            assert taken[0] - done < 3 * workers.count


def test_as_they_are_done_does_not_wait_for_the_slow_one() -> None:
    slow = threading.Event()

    def work(k: int) -> int:
        if k == 0:
            slow.wait(30)
        return k

    with Workers(2).pool() as pool:
        found = []
        for k in pool.run(work, [(k,) for k in range(9)]):
            found.append(k)
            if len(found) == 8:
                slow.set()
    assert found[-1] == 0


@pytest.mark.parametrize("workers", WAYS, ids=["one", "threads", "processes"])
def test_an_error_of_a_task_is_raised_and_ends_the_work(workers: Workers) -> None:
    with pytest.raises(ZeroDivisionError), workers.pool() as pool:
        list(pool.run(divmod, [(1, 0), (1, 1)] * 50))


def test_those_at_work_are_told_and_waited_for_when_the_work_ends_early() -> None:
    stopped, ended = threading.Event(), []

    def work(k: int) -> int:
        if k:
            assert stopped.wait(30)
            ended.append(k)
        return k

    with Workers(2).pool() as pool:
        results = pool.run(work, [(0,), (1,), (2,), (3,)], stopped=stopped)
        assert next(results) == 0
        time.sleep(0.1)
        results.close()  # type: ignore[attr-defined]
        assert stopped.is_set()
        assert ended  # nobody is at work any longer
    assert len(ended) < 3
