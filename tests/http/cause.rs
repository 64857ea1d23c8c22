//! Whose fault it is: upstreams, names refused, limits, and one incident with what follows from it.
