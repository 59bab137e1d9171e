"""Entry points that Lambda starts, a folder a system; everything that they decide is in the library."""
