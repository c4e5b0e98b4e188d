"""The whole story in one command: an update, a power cut, three attacks, and every claim checked."""
