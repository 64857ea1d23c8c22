//! WebSocket, gRPC, and what nginx counts.
