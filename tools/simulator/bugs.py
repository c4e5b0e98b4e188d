"""The seeded bugs: what a reviewer could miss, one line or two each, by the part of the device they break."""

from tools.seeded_bugs import Bug

_JOURNAL = "firmware_agent/store/journal.py"
_STORE = "firmware_agent/store/firmware_store.py"
_IMAGE = "firmware_agent/store/image_writer.py"
_SLOT = "firmware_agent/store/slot_writer.py"
_BOOT = "firmware_agent/boot.py"
_VERIFIER = "firmware_agent/trust/verifier.py"
_ACCEPTANCE = "firmware_agent/trust/acceptance.py"
_AGENT = "firmware_agent/updater.py"
_TRIAL = "firmware_agent/trial.py"

# fmt: off
_LOST = (
    # name, path, line, instead, stories, geometries, depth
    ("progress before its data", _IMAGE, "            writer.write(data, start, part)\n", "            if writer.position + part == self._due:\n                self._journal.progress(self._state, self._due)\n            writer.write(data, start, part)\n"),
    ("no bank is erased", _JOURNAL, "self._area.erase(bank * self._bank_units + unit)", "pass"),
    ("the newest bank is erased", _JOURNAL, "bank = (newest + step) % self._banks", "bank = (newest + step - 1) % self._banks"),
    ("records without a check", _JOURNAL, "if self._crc(full) != _unsigned(view, _crc_at(full), _state.CRC_SIZE) or not", "if not"),
    ("progress without its complement", _JOURNAL, "if record[i] ^ record[8 + i] != 0xFF:", "if False:", "update abort", "256/16x8 256/1x8 512/4x4", 2),
    ("progress of any session counts", _JOURNAL, "if current == best and _unsigned(self._record, 4, 4) == current:", "if True:", "update abort", "256/16x8 1024/8x2", 2),
    ("the first record wins", _JOURNAL, "if current > best:", "if best < 0:"),
    ("the sequence stands still", _JOURNAL, "state.sequence += 1 if self._position else _SESSION_STEP", "pass"),
    ("durable counts one unit too many", _JOURNAL, "state.durable = _unsigned(self._record, 1, 3)", "state.durable = _unsigned(self._record, 1, 3) + 256", "update", "256/16x8"),
    ("no unit is erased", _SLOT, "self._area.erase(at // erase_size)", "pass", "update abort replaced crash"),
    ("the last page is not written", _SLOT, "            self._program_tail(self.position - used, at)\n", ""),
    ("a page too early", _SLOT, "self._program(position - page_size)", "self._program(max(0, position - 2 * page_size))", "update", "1024/8x2"),
    ("the head is written twice", _IMAGE, "return self._stream(head, kept, fill)", "return self._stream(head, 0, fill)", "update", "256/16x8"),
    ("the tail stays in RAM", _IMAGE, "writer.flush()", "pass"),
    ("complete before the flush", _IMAGE, "                writer.flush()\n                self._journal.progress(self._state, position)", "                self._journal.progress(self._state, position)\n                writer.flush()"),
    ("a unit is not journalled", _IMAGE, "                self._journal.progress(self._state, position)\n                self._recorded(position)\n", "                if position % (2 * self._erase_size) == 0:\n                    self._journal.progress(self._state, position)\n                self._recorded(position)\n", "update", "256/16x8 512/4x4"),
    ("a begun unit is gone on with", _SLOT, "        self._program(self.position - self.page_size)\n", "", "update", "512/4x4 1024/8x2"),
    ("a begun unit is erased, and its page not put back", _SLOT, "self._program(self.position - self.page_size)", "self._enter(self.position - self.page_size)", "update", "512/4x4 1024/8x2"),
    ("a page is erased while it is on record", _IMAGE, "        self._journal.progress(self._state, position - writer.page_size)\n", "", "update", "512/4x4 1024/8x2", 2),
    ("a page is put back that was not read", _IMAGE, "        writer.recall()\n", "", "update", "512/4x4 1024/8x2"),
    ("a page is on record again before it is there", _SLOT, "        self._program(self.position - self.page_size)\n        self.sync()\n", "        self._program(self.position - self.page_size)\n", "update", "512/16x4-queued", 2),
    ("a page that is put back is progress", _JOURNAL, "                        state.durable = _unsigned(self._record, 1, 3)\n", "                        state.durable = _unsigned(self._record, 1, 3)\n                        self.recorded = -1\n", "choke", "1024/8x2"),
    ("a record overtakes its data", _IMAGE, "                writer.sync()\n", "", "update", "512/16x4-queued"),
    ("an erase overtakes its record", _JOURNAL, "            self._area.sync()\n", "", "update", "512/16x4-queued"),
    ("the last page is not synced", _SLOT, "            at += len(self._tail)\n        self.sync()\n", "            at += len(self._tail)\n", "update", "512/16x4-queued"),
    ("resume always from the first byte", _STORE, "        if not state.accepted:\n            return 0\n", "        return 0\n"),
    ("what was durable is forgotten", _STORE, "self._image.resume(self.slots[self.secondary], state.durable)", "self._image.resume(self.slots[self.secondary], 0)"),
    ("the offer is not journalled", _STORE, "            self._take_offer()\n            self.commit()\n        return 0", "            self._take_offer()\n        return 0"),
    ("the running slot is written", _STORE, "return 1 - self.state.primary", "return self.state.primary"),
    ("acceptance is not journalled", _STORE, "self.commit(2 * (image.image_length // self.slots[slot].erase_size + 1))", "pass"),
    ("the counter rises at install", _STORE, "        state.secondary_state = _state.STAGED\n", "        state.secondary_state = _state.STAGED\n        state.security_counter = self.manifest.sequence_number\n"),
    ("trust anchors change at install", _STORE, "        state.secondary_state = _state.STAGED\n", "        state.secondary_state = _state.STAGED\n        from firmware_agent.store import checks; state.anchors = checks.confirm(self, self.secondary)[1]\n", "rotation"),
    ("trust anchors never change", _STORE, "        state.anchors = trusted\n", "", "rotation"),
    ("a record leaves its new anchors out", _JOURNAL, "views = self._pack(state, state.anchors != self._anchors)", "views = self._pack(state, False)", "rotation"),
    ("the counter does not rise", _STORE, "state.security_counter = max(state.security_counter, found.sequence_number)", "pass"),
    ("confirmed in RAM only", _STORE, "        state.rejected_reason = 0\n        state.clear_download()\n        self.commit()\n", "        state.rejected_reason = 0\n        state.clear_download()\n"),
    ("the confirmed slot stays the old one", _STORE, "        state.primary = self.running\n", ""),
    ("a refusal is not journalled", _STORE, "        offer.copy_from(state)\n        self.commit()\n", "        offer.copy_from(state)\n", "spoiled self-test"),
    ("a refusal leaves no reason", _STORE, "state.rejected_reason = number", "pass", "spoiled crash self-test"),
    ("the failed trial stays a trial", _STORE, "_state.FAILED if ran else _state.REJECTED", "_state.TRIAL if ran else _state.REJECTED", "self-test"),
    ("staged in RAM only", _STORE, "        state.trial_crashes = 0\n        state.reason = 0\n        self.commit()\n", "        state.trial_crashes = 0\n        state.reason = 0\n"),
    ("a crash is not counted", _BOOT, "state.trial_crashes += 1", "pass", "crash hang"),
    ("a loss of power is a crash", _BOOT, "        return state.primary, 0\n    if cause in (WATCHDOG, CRASH):", "        return state.primary, 0\n    if True:", "flicker"),
    ("few boots of a trial", _BOOT, "MAX_TRIAL_BOOTS = 100", "MAX_TRIAL_BOOTS = 5", "flicker"),
    ("a crash in a download is not counted", _BOOT, "state.trial_crashes = 1 if progressed else state.trial_crashes + 1", "pass", "choke"),
    ("recovery writes where it looks for firmware", _BOOT, "store.running = NO_SLOT", "store.running = store.secondary", "bare"),
    ("a trial is for ever", _BOOT, "return state.primary, reject.CRASHED\n", "return secondary, 0\n", "crash"),
    ("a staged image does not boot", _BOOT, "        return secondary, 0\n", "        return state.primary, 0\n"),
    ("an image that waits for permission boots", _BOOT, "return state.primary, reject.CRASHED if state.trial_crashes >= MAX_DOWNLOAD_CRASHES else 0", "return secondary, 0"),
    ("the payload is not hashed", _VERIFIER, "if self._hash.digest() != self._digest:", "if False:", "spoiled"),
    ("any key, any signature", _ACCEPTANCE, "case.envelope.signature, case.hook) is not True:", "case.envelope.signature, case.hook) is None:", "forged"),
    ("older is as good", _ACCEPTANCE, "if signed < case.device.security_counter:", "if False:", "relabelled"),
    ("a failed image is installed", _AGENT, "        except Rejected as refusal:\n            self._refuse(refusal)\n            return\n        self._board.emit(\"verified\"", "        except Rejected:\n            pass\n        self._board.emit(\"verified\"", "spoiled"),
    ("a refused image is fetched again", _AGENT, "or store.rejected_before(offer)", "or False", "spoiled"),
    ("a download goes on after a query without proof", _AGENT, "client.download.go_on(store.proof)", "client.download.go_on()", "swapped", "256/16x8 1024/8x2"),
    ("a download goes on after a reset without proof", _AGENT, "store.until_boundary(offset), size, store.proof)", "store.until_boundary(offset), size)", "swapped", "256/16x8 1024/8x2"),
    ("what was accepted has no proof before its head is on flash", _STORE, "None if self._tentative or not state.accepted else state.identity", "self.manifest.digest if self.manifest else None", "swapped", "512/4x4", 2),
    ("the trial is confirmed at once", _TRIAL, "        elif passed and heard:", "        elif True:", "crash hang"),
)
# fmt: on
BUGS = [Bug(*entry) for entry in _LOST]
