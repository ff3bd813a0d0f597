"""Who computes: the thread that asks, threads, processes, or the workers of a Dask scheduler."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from itertools import islice
from threading import Event
from typing import Any, TypeVar

from joblib.externals.loky import ProcessPoolExecutor

from phytomass.errors import InputError, WorkersError, nearest
from phytomass.extras import require

Result = TypeVar("Result")
LOCAL = ("threads", "processes", "serial")
LOST = (BrokenExecutor, CancelledError)
"""Errors of a worker that is no longer there."""
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
"""What the libraries of a worker process read when they are loaded: one process, one thread."""
CONNECT_S = 15.0
"""Seconds to wait for a scheduler, and again for its first worker."""


@dataclass(frozen=True)
class Workers:
    """Who computes.

    Parameters
    ----------
    count : int
        Threads or processes; a scheduler uses all workers it has.
    scheduler : str
        `threads`, `processes`, `serial` (the process that asks, alone), or the address of a
        `dask.distributed` scheduler (`tcp://host:8786`), whose workers must see the same folders.

    Raises
    ------
    InputError
        For anything else.

    Examples
    --------
    >>> Workers(2, "process")
    Traceback (most recent call last):
    ...
    phytomass.errors.InputError: scheduler: no scheduler 'process' → did you mean 'processes'?
    """

    count: int = 1
    scheduler: str = "threads"

    def __post_init__(self) -> None:
        if self.scheduler not in LOCAL and "://" not in self.scheduler:
            raise InputError(
                f"no scheduler {self.scheduler!r}",
                where="scheduler",
                remedy=nearest(self.scheduler, LOCAL)
                or "say threads, processes, or an address like tcp://host:8786",
            )

    def require(self) -> None:
        """Raise when the package for a scheduler is not installed.

        Raises
        ------
        InputError
            With how to install it.
        """
        if self.scheduler not in LOCAL:
            require("cluster", f"workers of {self.scheduler}", where="scheduler")

    @contextmanager
    def pool(self, timeout_s: float | None = None) -> Iterator[Pool]:
        """Open the workers.

        Parameters
        ----------
        timeout_s : float
            Seconds to wait for a scheduler, and again for its first worker; 15 if absent.

        Raises
        ------
        WorkersError
            If the scheduler cannot be reached, or has no worker.
        InputError
            If the package `distributed` is not installed.
        """
        self.require()
        if self.scheduler == "serial" or (self.scheduler == "processes" and self.count == 1):
            yield Pool(Inline(), 1)
        elif self.scheduler == "processes":
            given: list[Any] = []  # sent to each process when it starts, at its first task
            with ProcessPoolExecutor(
                self.count, env=ONE_THREAD, initializer=_receive, initargs=(given,)
            ) as processes:
                yield ProcessPool(processes, self.count, given=given)
        elif self.scheduler == "threads":
            with ThreadPoolExecutor(self.count) as executor:
                try:
                    yield Pool(executor, self.count)
                except BaseException:
                    executor.shutdown(wait=True, cancel_futures=True)
                    raise
        else:
            with _connected(self.scheduler, timeout_s or CONNECT_S) as client:
                from distributed import KilledWorker

                threads = sum(client.nthreads().values())
                executor = client.get_executor(pure=False)
                yield DaskPool(executor, threads, (*LOST, KilledWorker), client=client)


class Inline(Executor):
    """Does each task when it is given, in the thread that gives it."""

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """Do a task; what it raises is raised here."""
        future: Future[Result] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@dataclass(frozen=True)
class Pool:
    """Open workers: those of any `concurrent.futures` executor.

    Parameters
    ----------
    executor : Executor
        Who does the tasks.
    size : int
        How many at a time.
    lost : tuple of error classes
        What tells that a worker is no longer there.
    shared : tuple
        What every task gets first.
    """

    executor: Executor
    size: int
    lost: tuple[type[BaseException], ...] = LOST

    shared: tuple[Any, ...] = ()

    def sharing(self, *values: Any) -> Pool:
        """Return the same workers, each sent these values once; every task gets them first.

        To be called once, before anything is run: a model of hundreds of megabytes must not travel
        with each task.
        """
        return replace(self, shared=values)

    def submit(self, work: Callable[..., Result], task: tuple[Any, ...]) -> Future[Result]:
        """Give a task to the executor."""
        return self.executor.submit(work, *self.shared, *task)

    def run(
        self,
        work: Callable[..., Result],
        tasks: Iterable[tuple[Any, ...]],
        *,
        ordered: bool = False,
        stopped: Event | None = None,
    ) -> Iterator[Result]:
        """Do the tasks; yield what each gives.

        Tasks are taken only as they are needed, at most three per worker ahead of what was
        yielded, so that a walk of any length needs bounded memory.

        Parameters
        ----------
        work : callable
            Called with each task's arguments; for processes and schedulers both are sent.
        tasks : iterable of tuple
            Taken from in the calling thread.
        ordered : bool
            Whether results come in the order of the tasks, or as they are done.
        stopped : Event, optional
            Set when the work ends early, before those at work are waited for.

        Raises
        ------
        WorkersError
            If a worker process ends, or the scheduler is lost; besides, whatever a task raises.
        """
        most = 1 if isinstance(self.executor, Inline) else 3 * self.size
        left, waiting = iter(tasks), deque[Future[Result]]()
        try:
            with _loss_named(self.lost):
                while True:
                    for task in islice(left, most - len(waiting)):
                        waiting.append(self.submit(work, task))
                    if not waiting:
                        break
                    for future in [waiting[0]] if ordered else _done(waiting):
                        result = future.result()
                        waiting.remove(future)
                        yield result
        finally:
            if stopped is not None and waiting:
                stopped.set()
            if waiting:
                self.end(waiting)

    def end(self, waiting: Collection[Future[Result]]) -> None:
        """Wait for those at work: they must not write to a folder that is being removed."""
        for future in waiting:
            future.cancel()
        wait(waiting)


@dataclass(frozen=True)
class ProcessPool(Pool):
    """Processes of this work alone, killed when it ends early: no later work meets what is left."""

    executor: ProcessPoolExecutor
    given: list[Any] = field(default_factory=list)

    def sharing(self, *values: Any) -> Pool:
        """Return the same workers, each sent these values once; every task gets them first."""
        self.given.extend(values)
        return self

    def submit(self, work: Callable[..., Result], task: tuple[Any, ...]) -> Future[Result]:
        """Give a task to the executor."""
        given: Future[Result] = self.executor.submit(_with_given, work, task)
        return given

    def end(self, waiting: Collection[Future[Result]]) -> None:
        """Kill the processes."""
        self.executor.shutdown(kill_workers=True)


_GIVEN: list[Any] = []
"""In a worker process: what its tasks share."""


def _receive(values: list[Any]) -> None:
    _GIVEN[:] = values


def _with_given(work: Callable[..., Result], task: tuple[Any, ...]) -> Result:
    return work(*_GIVEN, *task)


@dataclass(frozen=True)
class DaskPool(Pool):
    """Workers of a `dask.distributed` scheduler."""

    client: Any = None

    def sharing(self, *values: Any) -> Pool:
        """Return the same workers, each sent these values once; every task gets them first."""
        with _loss_named(self.lost):
            sent = self.client.scatter(list(values), broadcast=True, hash=False)
        return replace(self, shared=tuple(sent))


@contextmanager
def _loss_named(lost: tuple[type[BaseException], ...]) -> Iterator[None]:
    try:
        yield
    except lost as error:
        raise WorkersError(
            f"a worker was lost before it was done ({str(error) or type(error).__name__})",
            where="scheduler",
            remedy="run again: what is finished is kept; with less memory take fewer workers",
        ) from error


def _done(waiting: Collection[Future[Result]]) -> list[Future[Result]]:
    """Wait until some are done; return these, first given first."""
    done = wait(waiting, return_when=FIRST_COMPLETED).done
    return [future for future in waiting if future in done]


@contextmanager
def _connected(address: str, timeout_s: float) -> Iterator[Any]:
    from distributed import Client

    try:
        client = Client(  # type: ignore[no-untyped-call]
            address, timeout=timeout_s, set_as_default=False
        )
    except (OSError, ValueError) as error:
        raise WorkersError(
            f"no scheduler answers ({error})",
            where=address,
            remedy="check the address, and that `dask scheduler` runs there",
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=timeout_s)
        except TimeoutError as error:
            raise WorkersError(
                "the scheduler has no workers",
                where=address,
                remedy=f"start some that see the same folders: dask worker {address}",
            ) from error
        _same_version(client, address)
        yield client


def _same_version(client: Any, address: str) -> None:
    """Refuse workers whose results might differ.

    Raises
    ------
    WorkersError
        If a worker has no phytomass, or another version of it.
    """
    here = version("phytomass")
    for worker, there in client.run(_own_version).items():
        if there != here:
            raise WorkersError(
                f"the worker {worker} has phytomass {there or 'not installed'}, here it is {here}",
                where=address,
                remedy="install the same version there",
            )


def _own_version() -> str | None:
    try:
        return version("phytomass")
    except ModuleNotFoundError:
        return None
