//! Who held which port, as rows.

use std::collections::HashMap;
use std::sync::Arc;

use health::ports::{Holding, Tenure};
use rusqlite::{Connection, Row, Rows, params};

use super::ledger::{check_id, moment, nanos};

/// Changes of hands kept of one port, whatever their age.
pub(super) const KEPT: u32 = 100;

/// Writes that a port changed hands, and forgets the oldest of very many changes.
pub(super) fn write(connection: &Connection, check: &str, tenure: &Tenure) -> rusqlite::Result<()> {
    let id = check_id(connection, check)?;
    let before = tenure.before.as_ref().map(body).transpose()?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO tenure (check_id, since, holding, before)
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![id, nanos(tenure.since), body(&tenure.holding)?, before])?;
    connection
        .prepare_cached(
            "DELETE FROM tenure WHERE check_id = ?1 AND since <= (
                 SELECT since FROM tenure WHERE check_id = ?1 ORDER BY since DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute(params![id, KEPT])?;
    Ok(())
}

/// The newest of every port.
pub(super) fn restore(connection: &Connection) -> rusqlite::Result<HashMap<Arc<str>, Tenure>> {
    let sql = "SELECT t.since, holding, before, name FROM checks JOIN tenure AS t ON check_id = id
         WHERE t.since = (SELECT max(since) FROM tenure WHERE check_id = id)";
    Ok(named(connection.prepare(sql)?.query([])?)?.into_iter().collect())
}

/// Those of one port, newest first.
pub(super) fn of_check(connection: &Connection, check: i64) -> rusqlite::Result<Vec<Tenure>> {
    let mut statement = connection.prepare_cached(
        "SELECT since, holding, before FROM tenure WHERE check_id = ?1 ORDER BY since DESC LIMIT ?2",
    )?;
    let mut rows = statement.query(params![check, KEPT])?;
    let mut tenures = Vec::new();
    while let Some(row) = rows.next()? {
        tenures.extend(read(row)?);
    }
    Ok(tenures)
}

/// Every change of hands on a host, newest first, each with the name of its check; what was there at
/// the first look is no change.
pub(super) fn of_host(
    connection: &Connection,
    host: &str,
    limit: u32,
) -> rusqlite::Result<Vec<(Arc<str>, Tenure)>> {
    // `;` follows `:` in ASCII. A host whose name begins with this one's and a colon is another.
    let mut statement = connection.prepare_cached(
        "SELECT t.since, holding, before, name FROM checks JOIN tenure AS t ON check_id = id
         WHERE name > ?1 || ':' AND name < ?1 || ';' AND instr(substr(name, length(?1) + 2), ':') = 0
             AND before IS NOT NULL
         ORDER BY t.since DESC LIMIT ?2",
    )?;
    named(statement.query(params![host, limit])?)
}

/// Forgets what is older, except how each port stands.
pub(super) fn forget(connection: &Connection, check: i64, before: i64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM tenure WHERE check_id = ?1 AND since < ?2
                 AND since < (SELECT max(since) FROM tenure WHERE check_id = ?1)",
        )?
        .execute(params![check, before])
}

fn body(holding: &Holding) -> rusqlite::Result<String> {
    serde_json::to_string(holding)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn named(mut rows: Rows<'_>) -> rusqlite::Result<Vec<(Arc<str>, Tenure)>> {
    let mut tenures = Vec::new();
    while let Some(row) = rows.next()? {
        let name: Arc<str> = row.get::<_, String>(3)?.into();
        tenures.extend(read(row)?.map(|tenure| (name, tenure)));
    }
    Ok(tenures)
}

/// `None` (and a line in the log) when a row cannot be understood, such as after going back to an
/// earlier version.
fn read(row: &Row<'_>) -> rusqlite::Result<Option<Tenure>> {
    let since = moment(row.get(0)?);
    let holding = serde_json::from_str(&row.get::<_, String>(1)?);
    let before = row.get::<_, Option<String>>(2)?.map(|before| serde_json::from_str(&before));
    Ok(holding
        .and_then(|holding| Ok(Tenure { since, holding, before: before.transpose()? }))
        .inspect_err(|error| tracing::error!(%error, "a stored tenure is not understood"))
        .ok())
}
