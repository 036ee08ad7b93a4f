//! Who holds a lease: this process, in words by which another one can tell whether it still lives.
//!
//! A cron job that was killed must not keep the next one waiting for its lease to run out. The
//! name of a holder says host, boot, process namespace, process and its start: on the same host,
//! in the same namespace, `/proc` tells whether that very process is alive. Anywhere else nobody
//! can tell, and the lease has to run out. A wrong answer costs nothing but a wasted pass: the
//! epoch fences off whoever was before.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::OnceLock;

use rustix::io::Errno;

/// The parts of a holder's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    host: String,
    place: String,
    process: u32,
    started: String,
}

impl Holder {
    /// Names this process, always by the same name: one that could not be made out again, for want
    /// of open files, would be taken for another holder's.
    pub fn this_process() -> Self {
        static OWN: OnceLock<Holder> = OnceLock::new();
        OWN.get_or_init(Self::make_out).clone()
    }

    fn make_out() -> Self {
        let process = std::process::id();
        Self {
            host: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .replace('/', "_"),
            place: place(),
            process,
            started: started(process).ok().flatten().unwrap_or_default(),
        }
    }

    /// Reads a name that [`Holder`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let holder = Self {
            host: parts.next()?.to_owned(),
            place: parts.next()?.to_owned(),
            process: parts.next()?.parse().ok()?,
            started: parts.next()?.to_owned(),
        };
        parts.next().is_none().then_some(holder)
    }

    /// Returns whether `other` surely lives no more, as far as this process can see it.
    pub fn sees_dead(&self, other: &Self) -> bool {
        let is_visible = self.host == other.host
            && self.place == other.place
            && !self.place.is_empty()
            && !other.started.is_empty();
        // What cannot be read is no proof.
        is_visible
            && started(other.process)
                .is_ok_and(|found| found.is_none_or(|started| started != other.started))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}/{}",
            self.host, self.place, self.process, self.started
        )
    }
}

/// Boot and process namespace; empty where the system does not tell.
fn place() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let digits: String = namespace
        .to_string_lossy()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    match (boot.get(..8), digits.is_empty()) {
        (Some(boot), false) => format!("{boot}-{digits}"),
        (_, true) | (None, _) => String::new(),
    }
}

/// When a process started, in clock ticks since boot; absent if there is none.
/// An error says nothing of it: this process may be out of open files.
///
/// Source: proc(5), `/proc/PID/stat`, field 22; field 2 may hold blanks and brackets.
fn started(process: u32) -> io::Result<Option<String>> {
    let path = Path::new("/proc").join(process.to_string()).join("stat");
    let stat = match std::fs::read_to_string(path) {
        Ok(stat) => stat,
        // It ended: before the file was opened, or while it was read.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::SRCH) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some((_, after_name)) = stat.rsplit_once(')') else {
        return Ok(None);
    };
    // The state follows the name: field 3. A zombie has ended, whatever its parent does about it.
    let mut fields = after_name.split_whitespace();
    let is_over = fields.next().is_none_or(|state| matches!(state, "Z" | "X"));
    Ok(if is_over {
        None
    } else {
        fields.nth(18).map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_read_back_and_this_process_is_alive() {
        let own = Holder::this_process();
        assert_eq!(Holder::parse(&own.to_string()), Some(own.clone()));
        assert!(!own.sees_dead(&own));
        assert_eq!(Holder::parse("vm/1234"), None);
    }

    #[test]
    fn the_dead_are_those_whose_process_is_gone_or_another_one() {
        let own = Holder::this_process();
        let another = Holder {
            started: "1".to_owned(),
            ..own.clone()
        };
        assert!(own.sees_dead(&another));
        let elsewhere = Holder {
            host: "elsewhere".to_owned(),
            ..another
        };
        assert!(!own.sees_dead(&elsewhere));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = child.id();
        let dead = Holder {
            process,
            started: started(process).unwrap().unwrap_or("1".into()),
            ..own.clone()
        };
        child.wait().unwrap();
        assert!(own.sees_dead(&dead));
    }
}
