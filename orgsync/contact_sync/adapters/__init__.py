"""The only importers of boto3: each file speaks with one service and raises our own errors."""
