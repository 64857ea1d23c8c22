//! Reads the plan again on SIGHUP and when its file has changed.
//!
//! The file is looked at every second instead of watched through inotify, which does not see
//! changes on network shares and mounted host folders (containers, WSL). A look costs one stat.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::signal::unix::Signal;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use crate::main_loop::Message;
use crate::plan;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What tells one version of a file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

/// Sends the plan, or its mistakes, to the loop whenever it was read again. Ends with the token.
pub async fn watch(
    path: PathBuf,
    mut hangup: Signal,
    loop_inbox: UnboundedSender<Message>,
    stop: CancellationToken,
) {
    let mut seen = version(&path).await;
    let mut loaded = seen.clone();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = hangup.recv() => tracing::info!("SIGHUP: reading {} again", path.display()),
            () = tokio::time::sleep(LOOK_EVERY) => {
                let now = version(&path).await;
                // A file that is still being written changes between two looks: wait until it rests.
                let rests = now == seen;
                seen = now;
                if !rests || seen == loaded || seen.is_none() {
                    continue;
                }
                tracing::info!("{} has changed: reading it again", path.display());
            }
        }
        loaded = version(&path).await;
        seen.clone_from(&loaded);
        let file = path.clone();
        let read = tokio::task::spawn_blocking(move || plan::load(&file)).await;
        let outcome = match read {
            Ok(Ok(plan)) => Ok(Box::new(plan)),
            Ok(Err(mistakes)) => Err(mistakes.to_string()),
            Err(error) => Err(format!("reading the plan crashed: {error}")),
        };
        if loop_inbox.send(Message::Reloaded(outcome)).is_err() {
            return;
        }
    }
}

/// `None` while the file is not there: an editor may be replacing it.
async fn version(path: &Path) -> Option<Version> {
    use std::os::unix::fs::MetadataExt;
    let found = tokio::fs::metadata(path).await.ok()?;
    Some(Version { modified: found.modified().ok(), bytes: found.len(), inode: found.ino() })
}
