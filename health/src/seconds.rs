//! Durations as the API has them: seconds, as a number.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

pub(crate) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(span.as_secs_f64())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(de: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(de)?;
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
