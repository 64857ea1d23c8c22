//! Real applications behind real proxies, broken one way after another: from the fault to the finding
//! that names the guilty hop, and to its healing.

mod group;
mod live;
mod session;
mod shop;
mod street;
