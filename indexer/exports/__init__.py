"""Files for other programs: tables of every item's neighbours, and the sample shop as a folder."""
