//! What nameservers said of their records, from one change to the next, as rows.

use health::records::{RecordPicture, RecordTurn};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::ledger::{check_id, moment, nanos};

/// Turns kept of one record, whatever their age.
pub(super) const KEPT: u32 = 50;
/// Turns of one check that a page looks back to.
const READ: u32 = 500;

/// Writes those that are news: what was last written of a record is not written again.
pub(super) fn write(
    connection: &Connection,
    check: &str,
    turns: &[RecordTurn],
) -> rusqlite::Result<()> {
    let id = check_id(connection, check)?;
    for turn in turns {
        let picture = serde_json::to_string(&turn.picture)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let known: Option<String> = connection
            .prepare_cached(
                "SELECT picture FROM turn WHERE check_id = ?1 AND record = ?2
                 ORDER BY since DESC LIMIT 1",
            )?
            .query_row(params![id, turn.record], |row| row.get(0))
            .optional()?;
        if known.as_ref() == Some(&picture) {
            continue;
        }
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO turn (check_id, record, since, picture)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![id, turn.record, nanos(turn.since), picture])?;
        connection
            .prepare_cached(
                "DELETE FROM turn WHERE check_id = ?1 AND record = ?2 AND since <= (
                     SELECT since FROM turn WHERE check_id = ?1 AND record = ?2
                     ORDER BY since DESC LIMIT 1 OFFSET ?3)",
            )?
            .execute(params![id, turn.record, KEPT])?;
    }
    Ok(())
}

/// Those of one check, newest first.
pub(super) fn of_check(connection: &Connection, check: i64) -> rusqlite::Result<Vec<RecordTurn>> {
    let mut statement = connection.prepare_cached(
        "SELECT record, since, picture FROM turn WHERE check_id = ?1
         ORDER BY since DESC, record LIMIT ?2",
    )?;
    let mut rows = statement.query(params![check, READ])?;
    let mut turns = Vec::new();
    while let Some(row) = rows.next()? {
        turns.extend(read(row)?);
    }
    Ok(turns)
}

/// Forgets what is older, except how each record stands.
pub(super) fn forget(connection: &Connection, check: i64, before: i64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM turn WHERE check_id = ?1 AND since < ?2 AND since < (
                 SELECT max(since) FROM turn AS newest
                 WHERE newest.check_id = ?1 AND newest.record = turn.record)",
        )?
        .execute(params![check, before])
}

/// `None` (and a line in the log) when a row cannot be understood, such as after going back to an
/// earlier version.
fn read(row: &Row<'_>) -> rusqlite::Result<Option<RecordTurn>> {
    let record: String = row.get(0)?;
    let picture = serde_json::from_str::<RecordPicture>(&row.get::<_, String>(2)?);
    let since = moment(row.get(1)?);
    Ok(picture
        .map(|picture| RecordTurn { record: record.into(), since, picture })
        .inspect_err(|error| tracing::error!(%error, "a stored record turn is not understood"))
        .ok())
}

#[cfg(test)]
mod tests {
    use health::records::Said;
    use jiff::Timestamp;

    use super::*;
    use crate::store::schema;

    fn turn(record: &str, since: u32, value: &str) -> RecordTurn {
        let usual =
            Said { outcome: "values".to_owned(), values: vec![value.to_owned()], matches: true };
        RecordTurn {
            record: record.into(),
            since: Timestamp::from_second(since.into()).unwrap(),
            picture: RecordPicture { usual, odd: Vec::new() },
        }
    }

    #[test]
    fn what_is_known_is_not_written_again_and_not_too_much_is_kept() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::prepare(&mut connection).unwrap();
        let put = |turns: &[RecordTurn]| write(&connection, "zone", turns).unwrap();
        put(&[turn("a A", 1, "one"), turn("b A", 1, "one")]);
        // As after a restart: the first look is told, and is no news.
        put(&[turn("a A", 2, "one"), turn("b A", 2, "two")]);
        let read = || of_check(&connection, check_id(&connection, "zone").unwrap()).unwrap();
        assert_eq!(read(), [turn("b A", 2, "two"), turn("a A", 1, "one"), turn("b A", 1, "one")]);
        for second in 3..=KEPT + 20 {
            put(&[turn("b A", second, &second.to_string())]);
        }
        let kept = read();
        assert_eq!(kept.len(), KEPT as usize + 1);
        assert_eq!(kept[0].since.as_second(), i64::from(KEPT) + 20, "newest first");

        let id = check_id(&connection, "zone").unwrap();
        forget(&connection, id, i64::MAX).unwrap();
        let left: Vec<String> = read().iter().map(|turn| turn.record.to_string()).collect();
        assert_eq!(left, ["b A", "a A"], "how each record stands");
        connection.execute("UPDATE turn SET picture = '{' WHERE record = 'a A'", []).unwrap();
        assert_eq!(read().len(), 1, "a row that is not understood is left out");
    }
}
