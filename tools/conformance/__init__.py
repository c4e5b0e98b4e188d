"""The conformance page, docs/conformance.md: each rule that a client meets, its source, its tests."""
