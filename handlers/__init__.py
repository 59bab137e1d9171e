"""What runs: exactly the code that is zipped into the functions, one package a system."""
