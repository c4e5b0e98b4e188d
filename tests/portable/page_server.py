"""A download by pages, and the server's side of it."""

from tests.portable.scripted import IMAGE, Rig, block

PAGE = 300
STEP = 50


def rig_with_pages(**settings):
    """A download by pages has begun; the first page request is out."""
    named = {"page_size": PAGE, "max_data_size": STEP}
    named.update(settings)
    return Rig(**named).downloading()


def blocks_of(request, step=STEP):
    """(offset, data) of each block that answers a page request."""
    end = request.offset + request.page[0]
    return [(at, IMAGE[at : min(at + step, end)]) for at in range(request.offset, end, step)]


def send(rig, offset, data):
    rig.hear(block(offset, data))
