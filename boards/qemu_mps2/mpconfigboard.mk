# QEMU's mps2-an385 (Cortex-M3), as a board outside MicroPython's tree: MicroPython's qemu port, our chip.
QEMU_ARCH = arm
QEMU_MACHINE = mps2-an385
BOARD_FOLDER := $(abspath $(BOARD_DIR))

CFLAGS += -mthumb -mcpu=cortex-m3 -mfloat-abi=soft -DQEMU_SOC_MPS2 -I$(BOARD_FOLDER)
CFLAGS += -DMICROPY_HW_MCU_NAME='"Cortex-M3"'
# The port's own header turns time, select and asyncio off; ours includes it and turns them on.
CFLAGS += -DMP_CONFIGFILE='"$(BOARD_FOLDER)/mpconfigboard.h"'
MPY_CROSS_FLAGS += -march=armv7m

LDSCRIPT = $(BOARD_FOLDER)/board.ld
# The port has no boot script, no interrupts and a busy console: chip/ replaces these four.
LDFLAGS += -Wl,--wrap=main,--wrap=exit,--wrap=mp_hal_stdin_rx_chr,--wrap=mp_hal_stdio_poll

SRC_BOARD_O = shared/runtime/gchelper_native.o shared/runtime/gchelper_thumb2.o
USER_C_MODULES ?= $(BOARD_FOLDER)
# Names that payloads bring (tools/firmware.py); the port's own Makefile sets the variable after this file.
override QSTR_DEFS = qstrdefsport.h $(HANOTA_NAMES)
FROZEN_MANIFEST ?= $(BOARD_FOLDER)/manifest.py
MICROPY_HEAP_SIZE ?= 131072
# The port leaves it out of the search for names, since it has no sys.stdin.buffer of its own.
SRC_QSTR += shared/runtime/sys_stdio_mphal.c
