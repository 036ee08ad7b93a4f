//! The signals that end the program.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{CommandError, Exit};

/// SIGINT and SIGTERM, from now on caught.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Starts to catch them.
    pub fn catch() -> Result<Self, CommandError> {
        let caught = |kind| {
            signal(kind).map_err(|error| {
                CommandError::bug("signals cannot be caught").because_of(Some(&error))
            })
        };
        Ok(Self {
            interrupt: caught(SignalKind::interrupt())?,
            terminate: caught(SignalKind::terminate())?,
        })
    }

    /// Returns how to exit, once one of them comes.
    pub async fn received(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }
}
