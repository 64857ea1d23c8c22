//! The last good and the last bad look at checks that speak HTTP, as rows.

use std::collections::HashMap;
use std::sync::Arc;

use health::snapshot::Outcome;
use rusqlite::{Connection, params};

use super::ledger::check_id;

/// Writes how a check came out, in place of what came out so before.
pub(super) fn write(
    connection: &Connection,
    check: &str,
    outcome: &Outcome,
) -> rusqlite::Result<()> {
    let body = serde_json::to_string(outcome)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO outcome (check_id, success, body) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![check_id(connection, check)?, outcome.last.success, body])
        .map(drop)
}

/// Those of every check; a row that cannot be understood, such as after going back to an earlier
/// version, is left out and told in the log.
pub(super) fn restore(
    connection: &Connection,
) -> rusqlite::Result<HashMap<Arc<str>, Vec<Outcome>>> {
    let sql = "SELECT name, body FROM outcome JOIN checks ON check_id = id ORDER BY id, success";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut all: HashMap<Arc<str>, Vec<Outcome>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        match serde_json::from_str(&row.get::<_, String>(1)?) {
            Ok(outcome) => all.entry(name.into()).or_default().push(outcome),
            Err(error) => {
                tracing::error!(check = name, %error, "a stored look is not understood");
            }
        }
    }
    Ok(all)
}
