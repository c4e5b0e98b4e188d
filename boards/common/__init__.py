"""What boards share: the flash map, the store over it, the display, the way from boot to payload."""
