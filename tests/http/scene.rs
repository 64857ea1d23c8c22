//! Real applications behind real proxies, broken one way after another.
