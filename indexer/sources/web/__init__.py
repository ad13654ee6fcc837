"""Pictures at web addresses: which hosts are asked, how an answer is received, and when it is asked for again."""
