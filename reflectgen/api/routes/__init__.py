"""The routes, one file for each thing that they are about; thin shells over the rooms."""
