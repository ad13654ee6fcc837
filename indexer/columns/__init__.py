"""What items are filtered and counted by, in memory, column by column: a cache of the rows in the database."""
