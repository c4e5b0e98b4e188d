"""Bugs in store and boot, seeded one at a time: what each does to the code, and what must catch it."""

import pytest

from firmware_agent import boot
from firmware_agent.store import checks
from firmware_agent.store import state as states
from firmware_agent.store.firmware_store import FirmwareStore
from firmware_agent.store.image_writer import COMPLETE, WRITTEN, ImageWriter
from firmware_agent.store.journal import Journal
from firmware_agent.store.slot_writer import SlotWriter
from firmware_agent.trust.verifier import SlotVerifier
from hal.flash import FlashError
from tests.portable import (
    test_boot,
    test_boot_download,
    test_firmware_store,
    test_journal,
    test_journal_cuts,
    test_journal_worn,
    test_store_boundary,
    test_store_proof,
)

# Each with the story whose cuts catch it.

BUGS: list = []


def bug(function):
    """A bug that a plain update's cuts catch."""
    return bug_in("update")(function)


def bug_in(story):
    def add(function):
        BUGS.append(pytest.param(function, story, id=function.__name__))
        return function

    return add


@bug
def progress_is_journalled_before_its_data(patch):
    def stream(self, data, start, end):
        writer = self._writer
        if self._due == 0:
            self._put_back()
        while start < end:
            part = min(self._due - writer.position, end - start)
            after = writer.position + part
            if after == self._due:
                self._journal.progress(self._state, after)
                self._recorded(after)
            writer.write(data, start, part)
            start += part
        if writer.position == self.image_length:
            writer.flush()
            return COMPLETE
        return WRITTEN

    patch.setattr(ImageWriter, "_stream", stream)


@bug
def the_last_page_is_journalled_before_it_is_flushed(patch):
    flush = SlotWriter.flush
    progress = Journal.progress
    late = []
    patch.setattr(SlotWriter, "flush", lambda self: late.append(self))

    def early(self, state, durable):
        progress(self, state, durable)
        while late:
            flush(late.pop())

    patch.setattr(Journal, "progress", early)


@bug
def units_are_not_erased(patch):
    patch.setattr(SlotWriter, "_enter", lambda self, at: None)


@bug
def units_that_read_erased_are_not_erased(patch):
    def enter(self, at):
        area = self._area
        if at % area.erase_size == 0:
            unit = bytearray(area.erase_size)
            area.read(at, unit)
            if unit != b"\xff" * len(unit):
                area.erase(at // area.erase_size)

    patch.setattr(SlotWriter, "_enter", enter)


@bug
def a_download_goes_on_one_unit_too_far(patch):
    resume = ImageWriter.resume

    def further(self, area, position):
        if 0 < position < self.image_length - area.erase_size:
            position += area.erase_size
        resume(self, area, position)

    patch.setattr(ImageWriter, "resume", further)


@bug
def a_cut_throws_the_download_away(patch):
    resume = FirmwareStore.resume

    def forget(self):
        self.state.clear_acceptance()
        return resume(self)

    patch.setattr(FirmwareStore, "resume", forget)


@bug
def the_slot_that_runs_is_written(patch):
    init, admitted = FirmwareStore.__init__, ImageWriter.admitted
    stores = []

    def remembered(self, *parts, **others):
        stores.append(self)
        init(self, *parts, **others)

    patch.setattr(FirmwareStore, "__init__", remembered)

    def primary(self, area):
        store = stores[-1]
        return admitted(self, store.slots[store.state.primary])

    patch.setattr(ImageWriter, "admitted", primary)


@bug_in("spoiled")
def the_stream_is_trusted_and_the_slot_not_read(patch):
    def step(self):
        self._verifier = None
        self._verified = True
        self.state.secondary_state = states.CANDIDATE
        self.commit()
        return True

    patch.setattr(FirmwareStore, "verify_step", step)


@bug_in("spoiled")
def the_hash_is_not_compared(patch):
    patch.setattr(SlotVerifier, "step", lambda self: True)


@bug
def the_counter_rises_at_install(patch):
    install = FirmwareStore.install

    def early(self):
        self.state.security_counter = self.manifest.sequence_number
        install(self)

    patch.setattr(FirmwareStore, "install", early)


@bug
def the_counter_has_a_record_of_its_own_before_the_confirmation(patch):
    accept = FirmwareStore.accept

    def in_two(self):
        self.state.security_counter = checks.check_slot(self, self.running).sequence_number
        self.commit()
        accept(self)

    patch.setattr(FirmwareStore, "accept", in_two)


@bug
def the_confirmation_is_not_written(patch):
    accept = FirmwareStore.accept

    def quiet(self):
        commit, self.commit = self.commit, lambda room=0: None
        accept(self)
        self.commit = commit

    patch.setattr(FirmwareStore, "accept", quiet)


@bug_in("crash")
def an_attempt_is_not_written(patch):
    patch.setattr(boot, "_record", lambda store, reverted: not reverted or not store.reject(reverted))


@bug_in("crash")
def a_crash_is_not_counted(patch):
    choose = boot.choose
    patch.setattr(boot, "choose", lambda state, cause, progressed: choose(state, boot.POWER_ON))


@bug_in("spoiled")
def a_refusal_is_not_remembered(patch):
    patch.setattr(FirmwareStore, "rejected_before", lambda self, offer: False)


@bug
def a_session_goes_on_in_the_old_bank(patch):
    load = Journal.load

    def at_the_end(self, state):
        found = load(self, state)
        if found:
            self._anchors = state.anchors
            while size := self._read_state(self._bank, self._position, state):
                self._position += size
        return found

    patch.setattr(Journal, "load", at_the_end)


@bug
def the_next_bank_is_the_one_that_holds_the_truth(patch):
    erase, append = Journal._erase, Journal._append
    patch.setattr(Journal, "_erase", lambda self, bank: erase(self, max(self._bank, 0)))

    def same(self, bank, position, views):
        return append(self, bank if position else max(self._bank, 0), position, views)

    patch.setattr(Journal, "_append", same)


@bug
def the_crc_is_not_checked(patch):
    def any_crc(self, bank, position, found):
        for full, views in ((False, self._short_views), (True, self._full_views)):
            view = views[0]
            if position + len(view) > self._bank_size:
                return 0
            self._area.read(bank * self._bank_size + position, view)
            if states.is_full(view) == full:
                break
        return len(view) if found.unpack_from(view) and found.anchors else 0

    patch.setattr(Journal, "_read_state", any_crc)


@bug_in("withdrawn")
def a_promise_throws_the_download_away(patch):
    start = FirmwareStore.start

    def at_once(self, offer):
        self.cancel()
        return start(self, offer)

    patch.setattr(FirmwareStore, "start", at_once)


@bug_in("long")
def a_begun_unit_is_gone_on_with(patch):
    patch.setattr(SlotWriter, "put_back", lambda self: None)


@bug_in("long")
def a_begun_unit_is_erased_and_its_page_not_put_back(patch):
    patch.setattr(SlotWriter, "put_back", lambda self: self._enter(self.position - self.page_size))


@bug_in("long")
def a_page_is_erased_while_it_is_on_record(patch):
    def put_back(self):
        self._writer.recall()
        self._writer.put_back()
        self._recorded(self._writer.position)

    patch.setattr(ImageWriter, "_put_back", put_back)


@bug_in("long")
def a_first_page_is_on_record_before_it_is_full(patch):
    recorded = ImageWriter._recorded

    def early(self, position):
        recorded(self, position)
        if position % self._erase_size == 0 < position < self.image_length:
            self._journal.progress(self._state, self._due)

    patch.setattr(ImageWriter, "_recorded", early)


# What needs more than a cut to do harm is caught by a test of its own.


def a_session_counts_on_by_one(patch):
    commit = Journal.commit

    def by_one(self, state, room=0):
        if self._position == 0:
            state.sequence -= 15
        commit(self, state, room)

    patch.setattr(Journal, "commit", by_one)


def the_complement_is_not_checked(patch):
    def any_progress(self, bank, position):
        if position + self._progress_size > self._bank_size:
            return False
        self._area.read(bank * self._bank_size + position, self._progress_views[0])
        return self._record[0] == 0x50

    patch.setattr(Journal, "_read_progress", any_progress)


def progress_is_not_bound_to_its_record(patch):
    read_state, read_progress = Journal._read_state, Journal._read_progress
    seen = [0]

    def remember(self, bank, position, found):
        size = read_state(self, bank, position, found)
        if size:
            seen[0] = found.sequence
        return size

    def bound_to_any(self, bank, position):
        if not read_progress(self, bank, position):
            return False
        self._record[4:8] = seen[0].to_bytes(4, "little")
        return True

    patch.setattr(Journal, "_read_state", remember)
    patch.setattr(Journal, "_read_progress", bound_to_any)


def a_bank_that_lost_a_record_is_gone_on_with(patch):
    commit = Journal.commit

    def careless(self, state, room=0):
        try:
            commit(self, state, room)
        except FlashError:
            self._bank, self._position = self._banks - 1, len(self._full_views[0])
            raise

    patch.setattr(Journal, "commit", careless)


def the_boundary_does_not_know_that_a_page_is_missing(patch):
    resume = ImageWriter.resume

    def further(self, area, position):
        resume(self, area, position)
        self._bound(position)

    patch.setattr(ImageWriter, "resume", further)


def a_page_that_is_put_back_is_progress(patch):
    read_progress = Journal._read_progress

    def any_counts(self, bank, position):
        found = read_progress(self, bank, position)
        if found:
            self.recorded = -1
        return found

    patch.setattr(Journal, "_read_progress", any_counts)


def a_trial_without_its_record_runs(patch):
    patch.setattr(boot, "_record", lambda store, reverted: RECORD(store, reverted) or True)


def install_needs_no_proof(patch):
    always = property(lambda self: True, lambda self, value: None)
    patch.setattr(FirmwareStore, "_verified", always, raising=False)


def what_is_not_written_stays(patch):
    def commit(self, room=0):
        self._journal.commit(self.state, room)

    patch.setattr(FirmwareStore, "commit", commit)


RECORD = boot._record
GUARDS = [
    (
        a_session_counts_on_by_one,
        test_journal_cuts.test_a_record_that_becomes_readable_again_later_stays_dead,
    ),
    (
        the_complement_is_not_checked,
        test_journal_cuts.test_a_progress_record_without_any_one_of_its_bits_is_none,
    ),
    (progress_is_not_bound_to_its_record, test_journal.test_progress_of_another_record_counts_for_nothing),
    (
        a_bank_that_lost_a_record_is_gone_on_with,
        test_journal_worn.test_after_a_failure_the_next_record_is_found,
    ),
    (
        the_boundary_does_not_know_that_a_page_is_missing,
        test_store_boundary.test_until_it_is_back_a_cut_may_cost_the_page_as_well,
    ),
    (
        a_page_that_is_put_back_is_progress,
        test_boot_download.test_a_page_that_is_put_back_is_no_progress,
    ),
    (a_trial_without_its_record_runs, test_boot.test_an_attempt_that_cannot_be_recorded_is_not_made),
    (install_needs_no_proof, test_store_proof.test_install_only_what_was_verified_since_the_reset),
    (what_is_not_written_stays, test_firmware_store.test_what_the_journal_did_not_take_did_not_happen),
]
