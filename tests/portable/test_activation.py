"""The activation command: each rule, the published sample, and the store that obeys it."""

from binascii import unhexlify

from firmware_agent import boot, reject
from firmware_agent.reject import Rejected
from firmware_agent.store.facts import Device
from firmware_agent.store.firmware_store import COMPLETE
from firmware_agent.trust import activation
from firmware_agent.trust.anchors import ACTIVATION, ANCHORS, FIRMWARE, TEST, Anchor, Anchors
from tests.portable import activation_vectors as vectors
from tests.portable import envelope_vectors
from tests.portable.bench import Bench, Image

NOW = vectors.GOOD["now"]
DUE = ((30 * 365 + 8 + 31 + 27) * 24 + 23) * 3600 + 59 * 60 + 59  # 2030-02-28 23:59:59
SUPPLIER = Anchor(vectors.SUPPLIER, ACTIVATION)
MANUFACTURER = Anchor(envelope_vectors.PUBLIC_KEY, FIRMWARE | ANCHORS)
V2 = Image("v2")

# Facts of a published test message, CS06 of the DCC's RTDS 4.5.0: recipient, the supplier's public key, and
# the command from its 0xDF to its signature's end.
SAMPLE_DEVICE = unhexlify("00db1234567890a0")
SAMPLE_KEY = unhexlify(
    "0430c2ab5a0d131726ffbda80e79294cc37534432a3e424405b97a3aba0ffc79dc"
    "e729b2517563cb7d95827e4c50b48cba3d87d5893c51b96d87c345e3717f8c1e"
)
SAMPLE = unhexlify(
    "df090100000000000003e80890b3d51f300100000800db1234567890a0000200122830260420"
    "aa758690730934ff0685aa758690730934ff0685657788990011223344556677"
    "020203e8"
    "40af91963ab479bfc2cc602fd2cb9a313898d2a4837f938c21baf6e1185979abaafe"
    "5d8e343af3d7d099ed6156c8739083639612fcda4755a2fe32751f5003a920"
)


def device(*anchors, eui64=envelope_vectors.EUI64, for_test=True):
    entries = Anchors(list(anchors) or [MANUFACTURER, SUPPLIER])
    return Device(0x1234, 0x84, 1, bytes(16), bytes(16), 0, 1 << 16, entries, eui64, for_test)


def refusal(command, to=None):
    try:
        activation.authorise(command, to or device())
    except Rejected as refused:
        return refused.number
    return None


def test_a_command_of_the_supplier():
    found = activation.authorise(NOW, device())
    assert (found.counter, found.when, found.key_id) == (1000, None, SUPPLIER.key_id)
    assert found.image_hash == NOW[38:70] != bytes(32)
    assert activation.authorise(vectors.GOOD["large-counter"], device()).counter == (1 << 64) - 1
    assert activation.authorise(bytearray(NOW), device()).counter == 1000


def test_the_published_sample():
    published = device(Anchor(SAMPLE_KEY, ACTIVATION), eui64=bytes(reversed(SAMPLE_DEVICE)))
    found = activation.authorise(SAMPLE, published)
    assert found.counter == 1000 and found.when is None
    assert found.image_hash[:4] == unhexlify("aa758690")
    # Its key is known to everybody.
    published.for_test = False
    assert refusal(SAMPLE, published) == reject.NOT_AUTHORISED


def test_form():
    late = device()
    late.time = 1 << 40  # no date is to come
    for name in sorted(vectors.WRONG):
        assert refusal(vectors.WRONG[name], late) == reject.NOT_AUTHORISED, name
    for n in range(len(NOW)):
        assert refusal(NOW[:n]) == reject.NOT_AUTHORISED, n
    assert refusal(NOW + b"\0") == reject.NOT_AUTHORISED


def test_recipient():
    assert refusal(vectors.FOR_ANOTHER) == reject.WRONG_DEVICE
    assert refusal(NOW, device(eui64=bytes(8))) == reject.WRONG_DEVICE
    assert refusal(NOW, device(eui64=None)) == reject.WRONG_DEVICE


def test_key_only_one_for_activation_counts():
    for usage in (FIRMWARE, ANCHORS, FIRMWARE | ANCHORS | TEST):
        assert refusal(NOW, device(MANUFACTURER, Anchor(vectors.SUPPLIER, usage))) == reject.NOT_AUTHORISED
    assert refusal(NOW, device(MANUFACTURER)) == reject.NOT_AUTHORISED
    for usage in (ACTIVATION, ACTIVATION | FIRMWARE):
        assert refusal(NOW, device(MANUFACTURER, Anchor(vectors.SUPPLIER, usage))) is None
    # The right one may stand anywhere.
    other = Anchor(envelope_vectors.PUBLIC_KEY, ACTIVATION)
    assert refusal(NOW, device(other, SUPPLIER)) is None and refusal(NOW, device(SUPPLIER, other)) is None


def test_key_a_test_key_is_for_a_device_built_for_test():
    assert refusal(NOW, device(for_test=False)) == reject.NOT_AUTHORISED


def test_date_by_the_device_s_own_clock():
    to = device()
    for time, number in ((None, reject.NOT_AUTHORISED), (DUE - 1, reject.NOT_AUTHORISED), (DUE, None)):
        to.time = time
        assert refusal(vectors.GOOD["dated"], to) == number, time
    to.time = 0xFFFFFFFF
    assert refusal(vectors.GOOD["cancel"], to) == reject.NOT_AUTHORISED
    assert activation._seconds(b"20000101000000Z") == 0


def test_every_bit_counts():
    """All bits up to the hash, and one in each byte behind."""
    command = bytearray(NOW)
    for bit in list(range(8 * 38)) + list(range(8 * 38, 8 * len(NOW), 8)):
        command[bit >> 3] ^= 1 << (bit & 7)
        assert refusal(command) is not None, bit
        command[bit >> 3] ^= 1 << (bit & 7)
    assert refusal(command) is None


def candidate(*anchors):
    """A bench whose device has verified V2, and an anchor for activation."""
    bench = Bench()
    bench.anchors = Anchors(list(anchors) or [MANUFACTURER, SUPPLIER])
    bench.store = bench.open_store()
    bench.at_factory()
    bench.power_on()
    bench.store.device.eui64 = envelope_vectors.EUI64
    assert bench.download(V2) == COMPLETE
    bench.verify()
    return bench


def installs(store):
    try:
        store.install()
    except ValueError:
        return False
    return True


def test_store_without_the_command_nothing_is_installed():
    store = candidate().store
    assert store.needs_authorisation and not installs(store) and store.candidate
    assert store.authorise(NOW) == activation.SUCCESS
    assert installs(store)


def test_store_what_was_authorised_boots():
    bench = candidate()
    assert bench.store.authorise(NOW) == activation.SUCCESS
    bench.store.install()
    assert bench.power_on(boot.RESET).trial
    bench.store.accept()
    assert bench.power_on().slot == 1


def test_store_a_device_without_such_an_anchor_needs_no_command():
    store = candidate(MANUFACTURER).store
    assert not store.needs_authorisation and installs(store)


def test_store_another_image_s_command_is_a_mismatch():
    store = candidate().store
    assert store.authorise(vectors.GOOD["other-hash"]) == activation.HASH_MISMATCH
    assert not store.authorised and not installs(store)


def test_store_what_lies_in_the_slot_is_what_counts():
    bench = candidate()
    start = (bench.journal_units + bench.slot_units) * bench.erase_size
    bench.memory[start + V2.head_length] ^= 1
    assert bench.store.authorise(NOW) == activation.HASH_MISMATCH


def test_store_without_a_proven_image_there_is_none():
    bench = candidate()
    bench.store.cancel()
    assert bench.store.authorise(NOW) == activation.NO_IMAGE_HELD
    bench.download(V2)
    assert bench.store.authorise(NOW) == activation.NO_IMAGE_HELD
    bench.verify()
    assert bench.store.authorise(NOW) == activation.SUCCESS


def test_store_the_word_is_for_one_image_and_one_boot():
    bench = candidate()
    assert bench.store.authorise(NOW) == activation.SUCCESS
    bench.store.start(Image("v3").offer())
    assert not bench.store.authorised
    bench = candidate()
    assert bench.store.authorise(NOW) == activation.SUCCESS
    bench.power_on()
    assert bench.store.candidate and not bench.store.authorised
    # Not proven since the reset: there is none yet.
    bench.store.device.eui64 = envelope_vectors.EUI64
    assert bench.store.authorise(NOW) == activation.NO_IMAGE_HELD


def test_store_feeds_the_watchdog_meanwhile():
    store = candidate().store
    calls = []
    store.hook = lambda: calls.append(1)
    assert store.authorise(NOW) == activation.SUCCESS
    assert len(calls) > 2


def test_store_a_date_needs_the_board_s_clock():
    bench = candidate()
    for time in (None, DUE - 1):
        bench.store.utc = lambda time=time: time
        try:
            bench.store.authorise(vectors.GOOD["dated"])
        except Rejected as refused:
            assert refused.number == reject.NOT_AUTHORISED
        else:
            raise AssertionError(time)
    bench.store.utc = lambda: DUE
    assert bench.store.authorise(vectors.GOOD["dated"]) == activation.SUCCESS


def test_store_while_no_slot_runs_any_good_image_helps():
    bench = candidate()
    boot.recover(bench.store, boot.POWER_ON)
    assert not bench.store.needs_authorisation
