"""An emulated AWS around one organization: moto behind one server, and one module for each part that moto lacks."""
