//! Waking up early: file notifications for Delta logs and project files.
//!
//! A notification says only that a look may be worth it; what changed is found by the pass itself.
//! Missing one costs latency, never correctness: the loop looks now and then anyway.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// Why files cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The system's notifications are not available.
    #[error("file notifications are not available")]
    Unavailable(#[source] notify::Error),
}

/// What woke the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// A Delta log changed.
    ByTables,
    /// A file of the project changed.
    ByProject,
}

/// Watches files until it is dropped.
pub struct Watcher {
    inner: RecommendedWatcher,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// The logs that are watched.
    logs: Mutex<BTreeSet<PathBuf>>,
    project_files: Mutex<BTreeSet<PathBuf>>,
    project_changed: AtomicBool,
    wake: Notify,
}

impl Watcher {
    /// Starts to watch, nothing yet.
    pub fn start() -> Result<Self, WatchError> {
        let shared = Arc::new(Shared::default());
        let notified = Arc::clone(&shared);
        let inner = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            notified.take(event);
        })
        .map_err(WatchError::Unavailable)?;
        Ok(Self { inner, shared })
    }

    /// Watches the logs of these tables, beside those that are watched already. A table that does
    /// not exist yet is found by the pass that sees it.
    pub fn watch_tables(&mut self, tables: impl IntoIterator<Item = PathBuf>) {
        for table in tables {
            let log = table.join("_delta_log");
            if locked(&self.shared.logs).contains(&log) || !log.is_dir() {
                continue;
            }
            // Entered first: from here on the end of the folder is noticed.
            locked(&self.shared.logs).insert(log.clone());
            if let Err(error) = self.inner.watch(&log, RecursiveMode::NonRecursive) {
                locked(&self.shared.logs).remove(&log);
                tracing::debug!(path = %log.display(), error = %error, "not watched");
            }
        }
    }

    /// Watches the files of the project, through their folders: editors replace files.
    pub fn watch_project(&mut self, files: &[PathBuf]) {
        let files: BTreeSet<PathBuf> = files.iter().cloned().collect();
        let folders: BTreeSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
        for folder in folders {
            if let Err(error) = self.inner.watch(folder, RecursiveMode::NonRecursive) {
                tracing::debug!(path = %folder.display(), error = %error, "not watched");
            }
        }
        *locked(&self.shared.project_files) = files;
    }

    /// Returns once something changed since the last call.
    pub async fn woken(&self) -> Woken {
        self.shared.wake.notified().await;
        if self.shared.project_changed.swap(false, Ordering::AcqRel) {
            Woken::ByProject
        } else {
            Woken::ByTables
        }
    }
}

impl Shared {
    fn take(&self, event: notify::Result<notify::Event>) {
        let Ok(mut event) = event else {
            // Events were lost: look everywhere.
            self.project_changed.store(true, Ordering::Release);
            self.wake.notify_one();
            return;
        };
        // Our own reading makes access events: they must not wake us again.
        let is_change = match event.kind {
            EventKind::Create(_) | EventKind::Remove(_) | EventKind::Any | EventKind::Other => true,
            EventKind::Modify(ModifyKind::Metadata(_)) | EventKind::Access(_) => false,
            EventKind::Modify(_) => true,
        };
        if !is_change {
            return;
        }
        let has_ended = matches!(event.kind, EventKind::Remove(_));
        if has_ended {
            // A folder that is gone is watched no more; one that takes its place is another one.
            let mut logs = locked(&self.logs);
            event.paths.retain(|path| !logs.remove(path));
        }
        let files = locked(&self.project_files);
        let is_project = event.paths.iter().any(|path| {
            files.contains(path)
                || files
                    .iter()
                    .any(|file| path.parent() == Some(file.as_path()))
        });
        let is_log = event.paths.iter().any(|path| is_commit(path));
        if is_project {
            self.project_changed.store(true, Ordering::Release);
        }
        if is_project || is_log || has_ended {
            self.wake.notify_one();
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A commit file in a log; temporary files and checkpoints say nothing new.
fn is_commit(path: &Path) -> bool {
    let is_json = path
        .extension()
        .is_some_and(|extension| extension == "json");
    let in_log = path
        .parent()
        .and_then(Path::file_name)
        .is_some_and(|name| name == "_delta_log");
    is_json && in_log
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn is_woken(watcher: &Watcher) -> bool {
        tokio::time::timeout(Duration::from_secs(10), watcher.woken())
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn a_log_that_was_made_anew_wakes_again() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("orders");
        let log = table.join("_delta_log");
        let mut watcher = Watcher::start().unwrap();
        for version in 0..2 {
            std::fs::create_dir_all(&log).unwrap();
            watcher.watch_tables([table.clone()]);
            std::fs::write(log.join(format!("{version:020}.json")), "{}").unwrap();
            assert!(is_woken(&watcher).await, "version {version}");
            std::fs::remove_dir_all(&table).unwrap();
            while locked(&watcher.shared.logs).contains(&log) {
                assert!(is_woken(&watcher).await, "the end of the log wakes");
            }
        }
    }
}
