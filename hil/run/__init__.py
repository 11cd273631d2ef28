"""Running suites: which tests, on which bench, in how many workers; and the folder that is left."""
