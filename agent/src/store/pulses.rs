//! What jobs have reported, as rows, and when the agent was last alive to hear them.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::ledger::{check_id, known_check, moment};
use crate::probe::heartbeat::Pulse;

/// Writes what a job has reported in place of what it had before; `None`: forgets it.
pub(super) fn write(
    connection: &Connection,
    check: &str,
    pulse: Option<&Pulse>,
) -> rusqlite::Result<()> {
    let Some(pulse) = pulse else {
        if let Some(id) = known_check(connection, check)? {
            connection.prepare_cached("DELETE FROM pulse WHERE check_id = ?1")?.execute([id])?;
        }
        return Ok(());
    };
    let body = serde_json::to_string(pulse)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO pulse (check_id, said) VALUES (?1, ?2)")?
        .execute(params![check_id(connection, check)?, body])
        .map(drop)
}

/// Those of every job; a row that cannot be understood, such as after going back to an earlier
/// version, is left out and told in the log.
pub(super) fn restore(connection: &Connection) -> rusqlite::Result<HashMap<Arc<str>, Pulse>> {
    let sql = "SELECT name, said FROM pulse JOIN checks ON check_id = id";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut all = HashMap::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        match serde_json::from_str(&row.get::<_, String>(1)?) {
            Ok(pulse) => drop(all.insert(name.into(), pulse)),
            Err(error) => {
                tracing::error!(check = name, %error, "a stored heartbeat is not understood");
            }
        }
    }
    Ok(all)
}

/// The last sign of life of the agent, if it ever gave one.
pub(super) fn alive_at(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let sql = "SELECT value FROM mark WHERE name = 'alive'";
    Ok(connection.query_row(sql, [], |row| row.get(0)).optional()?.map(moment))
}

#[cfg(test)]
mod tests {
    use health::facts::{CallFacts, Signal};

    use super::*;
    use crate::store::schema;

    #[test]
    fn what_a_job_said_is_read_back_and_forgotten_with_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::prepare(&mut connection).unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut pulse = Pulse::new("1d", at(1));
        write(&connection, "backup", Some(&pulse)).unwrap();
        pulse.take(CallFacts {
            at: at(2),
            signal: Signal::Fail,
            exit: Some(2),
            from: None,
            said: Some("no space".to_owned()),
        });
        write(&connection, "backup", Some(&pulse)).unwrap();
        write(&connection, "other", Some(&Pulse::new("1h", at(1)))).unwrap();
        connection
            .execute("UPDATE pulse SET said = '{' WHERE check_id = 2", [])
            .map(|rows| assert_eq!(rows, 1))
            .unwrap();
        let read = restore(&connection).unwrap();
        assert_eq!(read, HashMap::from([(Arc::from("backup"), pulse)]));
        write(&connection, "backup", None).unwrap();
        write(&connection, "never known", None).unwrap();
        assert!(restore(&connection).unwrap().is_empty());
        assert_eq!(alive_at(&connection).unwrap(), None);
    }
}
