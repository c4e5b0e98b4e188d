# The chip's C code: what a vendor's port would provide.
CHIP_DIR := $(USERMOD_DIR)
SRC_USERMOD_C += $(addprefix $(CHIP_DIR)/, start.c time.c uart.c mod_mps2.c aes.c cryptolib.c)
CFLAGS_USERMOD += -I$(CHIP_DIR)
