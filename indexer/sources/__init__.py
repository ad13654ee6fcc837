"""Where items come from: folders, tables, streams, data sets, and pictures at web addresses."""
