"""Every implementation of a seam that there is, and what holds it to the contract.

The contract is one table, CHECKS of tools/on_device/board_check.py. tests/test_contracts.py finds the classes
that implement a seam in the sources, and misses none here; each test runs its implementation on all of its
seams, and asserts that. Read on both interpreters.
"""

from tools.on_device import board_check

ALL = (
    "identity",
    "boot control",
    "clock",
    "entropy",
    "display",
    "HAN link",
    "watchdog",
    "flash",
    "settings area",
)
FLASH = ("flash", "settings area")

_WORLD = "tools/simulator/world.py:"
_HOME = "tools/fuzzing/home.py:"
_HOST = "boards/host/board.py:"
_PARTS = "boards/common/parts.py:"
_MODELS = "tests/contracts/port_models.py:"

# name: (seams, classes beside the hardware's own, the test)
IMPLEMENTATIONS = {
    "host": (
        ALL,
        (
            _HOST + "Board",
            _HOST + "_CountedFlash",
            _HOST + "_Clock",
            _HOST + "_Link",
            _HOST + "_Watchdog",
            _PARTS + "Display",
            _PARTS + "Identity",
        ),
        "tests/test_contracts.py::test_the_host_board",
    ),
    "qemu_mps2": (
        ALL,
        ("boards/qemu_mps2/board.py:Board", "boards/qemu_mps2/board.py:_Link"),
        "tests/boards/test_rig.py::test_board_check",
    ),
    "simulator": (
        ("identity", "boot control", "clock", "entropy", "watchdog", "flash", "settings area"),
        (
            _WORLD + "BareBoard",
            _WORLD + "_Board",
            _WORLD + "Identity",
            "tools/simulator/flash.py:ObservedFlash",
        ),
        "tests/test_contracts.py::test_the_simulator",
    ),
    "fuzzer": (
        ("identity", "boot control", "clock", "HAN link", "watchdog"),
        (_HOME + "Board",),
        "tests/test_contracts.py::test_the_fuzzer",
    ),
    "strict NOR": (
        FLASH,
        ("hal/sim/nor_flash.py:NorFlash",),
        "tests/portable/test_contract_table.py::test_emulated_parts",
    ),
    "NOR that loses its power": (
        FLASH,
        ("hal/sim/cut_flash.py:CutFlash",),
        "tests/portable/test_contract_table.py::test_emulated_parts",
    ),
    "rp2.Flash": (
        FLASH,
        (_MODELS + "Rp2Flash",),
        "tests/portable/test_contract_table.py::test_models_of_the_ports",
    ),
    "esp32.Partition": (
        FLASH,
        (_MODELS + "Partition",),
        "tests/portable/test_contract_table.py::test_models_of_the_ports",
    ),
    "pyb.Flash": (
        FLASH,
        (_MODELS + "PybFlash",),
        "tests/portable/test_contract_table.py::test_models_of_the_ports",
    ),
}
# (class, seam): why it is no implementation of it
EXEMPT = {
    (_WORLD + "BareBoard", "HAN link"): "is none: the simulator's frames come and go whole",
    (_HOME + "Board", "entropy"): "draws the same in every run, so that a finding is found again",
    ("hal/link.py:FrameReceiver", "watchdog"): "what it is fed is bytes",
}


def held(name, told):
    """``told``, a (seam, passed, text) for each check, has every seam of the implementation, none broken."""
    seams = IMPLEMENTATIONS[name][0]
    assert tuple([seam for seam, _, _ in told]) == seams, (name, told)
    broken = [result for result in told if not result[1]]
    assert broken == [], (name, broken)


def hold(name, board):
    """Run the implementation's checks on ``board``."""
    told = []
    board_check.run(board, lambda *result: told.append(result), IMPLEMENTATIONS[name][0])
    held(name, told)
