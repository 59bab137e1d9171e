"""The library that every system imports: errors, AWS clients, pacing, strict configuration. No system of its own."""
