//! Looks at the file system on behalf of a probe: never longer than the probe lasts, and never more of
//! them left behind than a few. A dead network share answers nobody, and each look that waits for it
//! holds a thread.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use crate::probe::Stopwatch;

/// Looks at one place that nobody waits for any more; then no other is begun.
const MOST_LEFT_BEHIND: usize = 3;

/// Those that were given up, by place, and have not come back.
static LEFT_BEHIND: LazyLock<Mutex<HashMap<String, Vec<Weak<()>>>>> = LazyLock::new(Mutex::default);

/// Looks at a place within the time of a probe. `look` may block.
///
/// # Errors
/// Why not, in words: no answer in time, or none to those before.
pub(crate) async fn look<T: Send + 'static>(
    place: &str,
    watch: &Stopwatch,
    look: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let left_behind = left_behind(place);
    if left_behind >= MOST_LEFT_BEHIND {
        return Err(format!(
            "the file system has not answered the last {left_behind} looks at it yet"
        ));
    }
    let held = Arc::new(());
    let sign = Arc::downgrade(&held);
    let looking = tokio::task::spawn_blocking(move || {
        let seen = look();
        drop(held);
        seen
    });
    match tokio::time::timeout_at(watch.deadline(), looking).await {
        Ok(Ok(seen)) => Ok(seen),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => {
            let mut known = LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry(place.to_owned()).or_default().push(sign);
            Err(format!("no answer from the file system within {:?}", watch.timeout()))
        }
    }
}

/// How many have not come back; places where all have are forgotten.
fn left_behind(place: &str) -> usize {
    let mut known = LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(signs) = known.get_mut(place) else { return 0 };
    signs.retain(|sign| sign.strong_count() > 0);
    let count = signs.len();
    if count == 0 {
        known.remove(place);
    }
    count
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_file_system_that_is_silent_is_not_asked_for_ever() {
        let brief = || Stopwatch::start(Duration::from_millis(20));
        let mut held = Vec::new();
        for _ in 0..MOST_LEFT_BEHIND {
            let (sender, silent) = mpsc::channel::<()>();
            held.push(sender);
            let seen = look("/dead", &brief(), move || drop(silent.recv())).await;
            assert!(seen.unwrap_err().contains("no answer"));
        }
        let seen = look("/dead", &brief(), || -> u8 { panic!("nobody is sent any more") }).await;
        assert!(seen.unwrap_err().contains("the last 3 looks"));
        let long = Stopwatch::start(Duration::from_secs(20));
        assert_eq!(look("/well", &long, || 7).await, Ok(7), "other places go on");
        // It comes back to life.
        drop(held);
        while left_behind("/dead") > 0 {
            assert!(!long.left().is_zero(), "they come back");
            tokio::task::yield_now().await;
        }
        assert_eq!(look("/dead", &long, || 7).await, Ok(7));
    }
}
