//! Quiet asked for on pages, over the API and from the command line.
