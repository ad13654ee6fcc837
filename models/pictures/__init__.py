"""Pictures as arrays: decoding untrusted bytes, boxes, colours, PNG."""
