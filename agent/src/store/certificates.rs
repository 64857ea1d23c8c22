//! The certificates that every check saw last, as rows.

use std::collections::HashMap;
use std::sync::Arc;

use health::facts::CertificatesSeen;
use rusqlite::{Connection, params};

use super::ledger::check_id;

/// Writes what a check saw, in place of what it saw before.
pub(super) fn write(
    connection: &Connection,
    check: &str,
    seen: &CertificatesSeen,
) -> rusqlite::Result<()> {
    let body = serde_json::to_string(seen)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO certificates (check_id, seen) VALUES (?1, ?2)")?
        .execute(params![check_id(connection, check)?, body])
        .map(drop)
}

/// Those of every check; a row that cannot be understood, such as after going back to an earlier
/// version, is left out and told in the log.
pub(super) fn restore(
    connection: &Connection,
) -> rusqlite::Result<HashMap<Arc<str>, CertificatesSeen>> {
    let sql = "SELECT name, seen FROM certificates JOIN checks ON check_id = id";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut all = HashMap::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        match serde_json::from_str(&row.get::<_, String>(1)?) {
            Ok(seen) => drop(all.insert(name.into(), seen)),
            Err(error) => {
                tracing::error!(check = name, %error, "stored certificates are not understood");
            }
        }
    }
    Ok(all)
}
