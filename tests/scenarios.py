"""Coroutine tests run side by side: most of their time is waiting for hubs and devices.

Tests are decorated with ``@scenario``; their module or package has a fixture ``scenarios``, made by
``running()``. All selected ones start together, in pytest's order, LIMIT at a time; each test then waits for
its own.
"""

import asyncio
import concurrent.futures
import contextlib
import inspect
import threading

# Two cores: with more at a time the devices would be starved, and ask twice for what is on its way.
LIMIT = 4
DEADLINE_S = 180.0


def scenario(function):
    """A test of ``async def function(place, <its parameters>)``; what it returns is printed.

    ``place`` is what the ``scenarios`` fixture was made with, called with the test's name. Its
    ``close()`` is called after a test that came to its end, for what must be true after every one.
    """

    def test(scenarios, request, **parameters):
        report = scenarios.result_of(request.node.nodeid)
        if report is not None:
            print(report)

    parameters = list(inspect.signature(function).parameters.values())[1:]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    needed = [inspect.Parameter(name, kind) for name in ("scenarios", "request")]
    test.__signature__ = inspect.Signature([*needed, *(one.replace(kind=kind) for one in parameters)])
    test.__name__ = function.__name__
    test.__doc__ = function.__doc__
    test.scenario = function
    return test


class Scenarios:
    """Owns the loop and its thread."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scenarios", daemon=True)
        self._thread.start()
        self._turn = asyncio.Semaphore(LIMIT)
        self._futures = {}

    def start(self, name, function, place, **parameters):
        async def run():
            async with self._turn, asyncio.timeout(DEADLINE_S):
                report = await function(place, **parameters)
            place.close()
            return report

        self._futures[name] = asyncio.run_coroutine_threadsafe(run(), self._loop)

    def result_of(self, name):
        return self._futures[name].result()

    def wait(self):
        """Return when all have ended, however they did: each test tells its own result."""
        concurrent.futures.wait(self._futures.values())

    def stop(self):
        """End what still runs; each scenario cleans up after itself."""

        async def cancel():
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(cancel(), self._loop).result(DEADLINE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()


@contextlib.contextmanager
def running(request, place):
    """Start what is selected in the fixture's scope; ``place(name)`` makes each one's first argument."""
    scenarios = Scenarios()
    try:
        for item in request.session.items:
            function = getattr(getattr(item, "function", None), "scenario", None)
            if function is not None and request.node in item.listchain():
                callspec = getattr(item, "callspec", None)
                parameters = callspec.params if callspec else {}
                scenarios.start(item.nodeid, function, place(item.name), **parameters)
        yield scenarios
    finally:
        scenarios.stop()
