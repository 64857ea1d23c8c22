//! WebSocket, gRPC, and what nginx counts.

mod counts;
mod grpc;
mod said;
mod upgrades;

/// Soon, so that tests need not wait.
const PACE: &str = r#"
    [defaults]
    interval = "300ms"
    timeout = "2s"
    fail_after = 1
"#;
