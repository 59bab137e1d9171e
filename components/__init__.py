"""What exists: the declared cloud, one component a noun."""
