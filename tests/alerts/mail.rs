//! Mail, Alertmanager, programs and the services of others.
