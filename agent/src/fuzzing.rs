//! Doors for the fuzz targets (fuzz/) into parsers that are nobody else's business: each takes any
//! bytes, and what must hold whatever they are is asserted there. Only with the feature `fuzzing`.

pub use crate::authority::fuzzing::ca_answer;
pub use crate::discover::fuzzing::compose;
pub use crate::listeners::fuzzing::{netlink, proc};
pub use crate::nginx::fuzzing::nginx;
pub use crate::probe::dns::fuzzing::{anchors, reply, value};
pub use crate::probe::grpc::fuzzing::health;
pub use crate::probe::heartbeat::fuzzing::job;
pub use crate::probe::http::fuzzing::{answer, cookies, counts};
pub use crate::probe::icmp::fuzzing::icmp;
pub use crate::renewal::fuzzing::renewer;
pub use crate::ssh::fuzzing::ssh;
pub use crate::tls::fuzzing::{certificate, chain, hello};
pub use crate::zone_plan::fuzzing::zone_file;
