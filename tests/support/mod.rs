//! Real servers for end-to-end tests: started on loopback addresses with ports that the operating
//! system picks, in folders of their own, and stopped when the test drops them.

#![allow(dead_code, unreachable_pub, reason = "every end-to-end test uses another part of this")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its servers fails")]

pub mod agent;
pub mod alertmanager;
pub mod applications;
pub mod browser;
pub mod certificates;
pub mod command;
pub mod daemon;
pub mod hostile;
pub mod loopback;
pub mod nameserver;
pub mod nginx;
pub mod office;
pub mod pebble;
pub mod postgres;
pub mod prometheus;
pub mod receiver;
pub mod relay;
pub mod resolver;
pub mod scene;
pub mod secure;
pub mod services;
pub mod squatter;
pub mod sshd;
pub mod tree;
pub mod zone;
