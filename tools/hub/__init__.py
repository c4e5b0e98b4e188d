"""The hub's side of the HAN: unmodified zigpy over the HAN serial link."""
