"""The application's settings over power cuts, and on a part that fails."""

from hal.sim.cut_flash import BITS, ERASE, FLICKER, NOTHING, PREFIX, PROGRAM, UNSTABLE, WHOLE, PowerCut
from tests.portable.bench import raises
from tests.portable.settings_device import GEOMETRIES, Device

HEAP = "1M"
LEFT = ((NOTHING, 0), (PREFIX, 128), (BITS, 128), (UNSTABLE, 128), (FLICKER, 256), (WHOLE, 0))


def test_a_bank_that_cannot_be_read_is_as_one_that_holds_nothing():
    device = Device()
    assert device.settings.save(1, b"first") and device.power_on().save(1, b"second")
    read = device.flash.readblocks
    bad = []

    def reading(block, buf, offset=0):
        if (block, len(buf)) in bad or (block, 0) in bad:
            raise OSError(5)
        return read(block, buf, offset)

    device.flash.readblocks = reading
    for size in (0, 8, 18):  # all of it, the head, the whole record
        bad[:] = [(1, size)]
        assert device.settings.load(1) == b"first", size
    bad[:] = [(0, 0), (1, 0)]
    assert device.settings.load(1) is None


def test_a_bank_in_which_the_other_schema_s_record_does_not_hold_is_passed_over():
    device = Device()
    assert device.settings.save(1, b"old")
    device.power_on()
    program = device.flash.writeblocks
    blocks = []

    def weak(block, buf, offset=None):
        blocks.append(block)
        return program(block, bytes(len(buf)) if block == 1 else buf, offset)

    device.flash.writeblocks = weak
    assert device.settings.save(2, b"new")
    assert blocks == [1, 2, 2]
    assert device.power_on().load(1) == b"old" and device.settings.load(2) == b"new"


def test_a_cut_behind_the_other_schema_s_record_a_weak_bank_and_another_cut_lose_nothing():
    for operation in range(1, 8):
        for turn in range(3):
            device = Device(1024, 16, 3)
            for n in range(turn):
                assert device.power_on().save(2, b"turn %d" % n)
            for schema, data in ((2, b"new 1"), (1, b"old 1"), (2, b"new 2")):
                assert device.power_on().save(schema, data)
            # The next bank gets the record of schema 2 again, and nothing more; the one behind it is weak.
            device.power_on()
            device.flash.arm(3, NOTHING)
            raises(PowerCut, device.settings.save, 1, b"old 2")
            device.power_on()
            device.flash.arm(operation, NOTHING)
            program = device.flash.writeblocks
            bad = (turn + 1) % 3

            def weak(block, buf, offset=None, program=program, bad=bad):
                return program(block, bytes(len(buf)) if block == bad else buf, offset)

            device.flash.writeblocks = weak
            try:
                device.settings.save(1, b"old 3")
            except PowerCut:
                pass
            device.flash.writeblocks = program
            device.power_on()
            assert device.settings.load(1) in (b"old 1", b"old 3"), (operation, turn)
            assert device.settings.load(2) in (b"new 2", b"old 3"), (operation, turn)


def test_if_no_bank_keeps_it_the_next_save_begins_a_bank():
    for write_size in (1, 16):
        device = Device(write_size=write_size)
        assert device.settings.save(1, b"kept") and device.settings.save(1, b"kept, too")
        _, at, length = device.flash.log[-1]
        program = device.flash.writeblocks
        tried = []

        def failing(block, buf, offset=None, tried=tried):
            tried.append((block, offset))
            return -5

        device.flash.writeblocks = failing
        assert device.settings.save(1, b"lost") is False
        # Behind what is there, then in each other bank, and never in that with the newest record.
        assert tried == [(0, at + length), (1, 0), (2, 0), (3, 0)]
        tried.clear()
        assert device.settings.save(1, b"lost") is False
        assert tried == [(1, 0), (2, 0), (3, 0)]
        device.flash.writeblocks = program
        device.flash.log = []
        assert device.settings.save(1, b"better") is True
        assert [(kind, at) for kind, at, _ in device.flash.log] == [(ERASE, 1024), (PROGRAM, 1024)]
        assert device.power_on().load(1) == b"better"


def test_a_part_that_fails_loses_nothing():
    device = Device()
    device.settings.save(1, b"kept")
    device.power_on()
    program = device.flash.writeblocks
    device.flash.writeblocks = lambda block, buf, offset=None: -5
    assert device.settings.save(1, b"lost") is False
    assert device.settings.load(1) == b"kept"
    device.flash.writeblocks = program
    assert device.settings.save(1, b"better") is True
    assert device.power_on().load(1) == b"better"


def test_a_record_that_does_not_read_back_is_written_elsewhere():
    device = Device()
    device.settings.save(1, b"kept")
    program = device.flash.writeblocks
    calls = []

    def weak(block, buf, offset=None):
        calls.append(block)
        if len(calls) == 1:
            buf = bytes(len(buf))
        return program(block, buf, offset)

    device.flash.writeblocks = weak
    assert device.settings.save(1, b"moved")
    assert len(calls) > 1 and calls[0] != calls[-1]
    assert device.power_on().load(1) == b"moved"


def history(device, saved):
    """Three boots of old and new firmware; ``saved`` gets what each schema's last save asked for."""
    for boot in range(3):
        device.power_on() if boot else None
        for n in range(3):
            schema = 2 if boot == 1 else 1
            data = b"%d %d " % (boot, n) * 6
            saved[schema] = (saved[schema][1], data)
            assert device.settings.save(schema, data)
            saved[schema] = (data, data)


def test_a_cut_leaves_the_old_or_the_new():
    """In every operation of a history, with everything that a cut may leave, and again in the next save."""
    runs = 0
    for geometry in GEOMETRIES[1:]:
        total = 0
        for effect, amount in LEFT:
            operation = 0
            while True:
                operation += 1
                device = Device(*geometry, seed=operation)
                saved = {1: (None, None), 2: (None, None)}
                if not cut_in(device, operation, effect, amount, saved):
                    break
                runs += 1
                judge(device, saved, operation)
            total = max(total, operation - 1)
        assert total > 9
    assert runs > 300
    print(runs, "cuts in saves of settings")


def cut_in(device, operation, effect, amount, saved):
    """Run the history with a cut in its ``operation``-th operation, over all boots; False: it has none."""
    before = [0]
    power_on = device.flash.power_on

    def counting():
        before[0] += device.flash.operations
        power_on()
        device.flash.arm(operation - before[0], effect, amount)

    device.flash.power_on = counting
    device.flash.arm(operation, effect, amount)
    try:
        history(device, saved)
    except PowerCut:
        device.flash.power_on = power_on
        return True
    return False


def judge(device, saved, seed):
    """What is found now was saved last, or before that by the save that was cut; and the next save holds."""
    device.power_on()
    for schema in (1, 2):
        found = device.settings.load(schema)
        wanted = saved[1] if schema == 1 else saved[1] + saved[2]
        assert found in wanted, (schema, found, saved)
    # A second cut, in the first save after the first one.
    device.flash.arm(1 + seed % 2, LEFT[seed % 6][0], LEFT[seed % 6][1])
    old = saved[1]
    try:
        device.settings.save(1, b"after the cut")
    except PowerCut:
        pass
    device.power_on()
    assert device.settings.load(1) in old + (b"after the cut",)
    assert device.settings.save(1, b"at last")
    assert device.power_on().load(1) == b"at last"
    assert device.settings.load(2) == b"at last"


def test_a_record_that_a_cut_hid_is_older_than_the_next_one_even_if_its_bank_cannot_be_erased_any_more():
    for seed in range(1, 9):  # whether the cells of a cut read done is drawn at each start
        device = Device(seed=seed)
        for _ in range(4):  # until the newest record lies in the last bank but one
            device.power_on().save(2, b"other %d" % seed)
            if device.settings._newest(255, -1)[3] == device.units - 2:
                break
            device.power_on().save(1, b"old")
        old = device.settings.load(1)
        assert device.settings._newest(255, -1)[3] == device.units - 2
        device.power_on()
        device.flash.arm(3, FLICKER, 256)  # after the erase and what is repeated
        try:
            device.settings.save(1, b"hidden")
        except PowerCut:
            pass
        while device.power_on().load(1) != old:
            pass
        erase = device.flash.ioctl
        worn = device.units - 1

        def ioctl(operation, argument, erase=erase, worn=worn):
            return None if operation == 6 and argument == worn else erase(operation, argument)

        device.flash.ioctl = ioctl
        assert device.settings.save(1, b"new")
        for _ in range(8):
            assert device.power_on().load(1) == b"new", seed
