"""Every prompt of the project, as files: a prompt's name is its path in this package without the ending."""
