"""What the command does: a module for each group of commands, parsed by click, answered by the rooms."""
