SRC_USERMOD_C += $(USERMOD_DIR)/mod_silicon.c
