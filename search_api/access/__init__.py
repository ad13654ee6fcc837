"""Who may ask a server that others reach: keys, origins, hosts, and how much each may ask."""
