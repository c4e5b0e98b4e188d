# The host board as a device is made: MicroPython's unix port with the boot files frozen. Otherwise they are a file
# system that stock MicroPython mounts; then their code and their names take heap, as they do in no product.
PROG = firmware.elf
FROZEN_MANIFEST = $(VARIANT_DIR)/manifest.py
USER_C_MODULES = $(VARIANT_DIR)
# Names that payloads bring (tools/firmware.py); the port's Makefile adds its own.
QSTR_DEFS = $(HANOTA_NAMES)
MPY_CROSS_FLAGS += -march=x64
CFLAGS += -Ivariants

# A device has none of these.
MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0
MICROPY_PY_SOCKET = 0
MICROPY_PY_SSL = 0
MICROPY_PY_THREAD = 0
MICROPY_SSL_MBEDTLS = 0
MICROPY_USE_READLINE = 0
