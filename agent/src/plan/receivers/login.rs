//! Logging in to a receiver, where it asks who is there.

use alerts::{Hidden, Login};

use super::{frame, outside};
use crate::plan::row::Row;

/// `user` with a password; `Err` when only one of the two is there, which is noted.
pub(super) fn credentials(row: &Row<'_>) -> Result<Option<(String, Hidden)>, ()> {
    frame::exclusive(row, &["password_env", "password_file"]);
    let user = row.text("user");
    let has_password = row.has("password_env") || row.has("password_file");
    let password = outside(row, "password_env", "password_file");
    match (user, password) {
        (None, None) if !has_password => Ok(None),
        (Some(user), Some((password, _))) => {
            Ok(Some((user.value.to_owned(), Hidden::new(password))))
        }
        (Some(_), None) if !has_password => {
            let needed = "password_env or password_file";
            row.note_missing("the user has no password".to_owned(), needed);
            Err(())
        }
        (None, _) => {
            row.note_missing("a password without a user".to_owned(), "`user`");
            Err(())
        }
        _ => Err(()),
    }
}

/// A user with a password, or a token.
pub(super) fn login(row: &Row<'_>) -> Result<Option<Login>, ()> {
    frame::exclusive(row, &["user", "token_env", "token_file"]);
    let basic = credentials(row)?;
    if let Some((user, password)) = basic {
        return Ok(Some(Login::Basic { user, password }));
    }
    if !row.has("token_env") && !row.has("token_file") {
        return Ok(None);
    }
    let (token, _) = outside(row, "token_env", "token_file").ok_or(())?;
    Ok(Some(Login::Bearer(Hidden::new(token))))
}
