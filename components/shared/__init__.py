"""Component resources that any system needs, each with its documents as pure functions."""
