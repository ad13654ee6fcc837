"""The process that owns every connection: it takes requests in, hands them to workers, and sends their answers."""
