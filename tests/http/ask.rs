//! What is sent: credentials, bodies, proxies, encodings.
