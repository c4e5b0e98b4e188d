"""Small applications that do one thing wrong; each is the text of an app.py."""

GOOD = """
_device = None


def start(device):
    global _device
    _device = device
    _device.display.write(0, "Firmware 0x%08x" % device.file_version)
    _device.display.show()


def self_test():
    return True


def may_activate():
    return True


def progress(status, offset, size):
    pass
"""


def with_function(name, body):
    """The good application with one function replaced."""
    head, found, rest = GOOD.partition(f"def {name}(")
    assert found, name
    signature, _, rest = rest.partition("\n")
    following = rest.partition("\n\n\n")[2]
    return f"{head}def {name}({signature}\n{body}\n\n\n{following}"


RAISES = with_function("self_test", '    raise RuntimeError("this release is broken")')
HANGS = with_function("self_test", "    while True:\n        pass")
