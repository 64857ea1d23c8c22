//! Steps that share cookies.
