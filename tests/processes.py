"""Several processes share the tests (pytest-xdist): who gets which, and how their figures are shown."""

import pytest

# They take minutes.
LONG = ("test_rig.py", "test_real_power_cuts.py", "test_client_exploration.py")
# Packages that make devices for all of their files.
SHARING = ("tests/end_to_end", "tests/interop")


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:  # a worker of pytest-xdist has none
        config.pluginmanager.register(Told(reporter))


class Told:
    """Prints what tests ``tell``, whichever process runs them."""

    def __init__(self, reporter):
        self._reporter = reporter

    def pytest_runtest_logreport(self, report):
        if report.when == "call":
            for name, text in report.user_properties:
                if name == "told":
                    self._reporter.ensure_newline()
                    self._reporter.write_line(text)


@pytest.fixture
def tell(request):
    """tell(text): figures that pytest shows though the test passes."""
    return lambda text: request.node.user_properties.append(("told", text))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A file's tests share a process, and those of a package that makes devices for all of its files."""
    from xdist.scheduler import LoadScopeScheduling

    class Scopes(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            path = nodeid.partition("::")[0]
            folder = path.rpartition("/")[0]
            return folder if folder in SHARING else path

    return Scopes(config, log)


def pytest_collection_modifyitems(items):
    """What takes minutes comes first: else one process is left with it when all else is done."""
    items.sort(key=lambda item: item.path.name not in LONG)
