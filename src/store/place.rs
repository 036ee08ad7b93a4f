//! The place of a state file: which file systems will do, who may read it, how much room is left.
//!
//! It looks at folders and file systems only and never opens a database that exists: closing any
//! handle of a file drops the locks that SQLite holds on it in this process.
//! Source: SQLite, "How To Corrupt An SQLite Database File", sections 2.1 and 2.2 (read 2026-11-20).

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::ports::StateError;

/// File systems by magic number whose locks or shared memory do not hold across machines.
/// Source: Linux `statfs(2)`.
#[cfg(target_os = "linux")]
const NETWORK: [(u64, &str); 10] = [
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB2"),
    (0x0102_1997, "9P"),
    (0x00C3_6400, "Ceph"),
    (0x0BD0_0BD3, "Lustre"),
    (0x5346_414F, "AFS"),
    (0x7375_7245, "Coda"),
    (0x4750_4653, "GPFS"),
];

/// The magic number that everything made with FUSE shares, virtiofs included.
#[cfg(target_os = "linux")]
const FUSE: u64 = 0x6573_5546;

/// What is made with FUSE and still lies on a local disk.
#[cfg(target_os = "linux")]
const LOCAL_FUSE: [&str; 3] = ["fuse.fuse-overlayfs", "fuse.bindfs", "fuseblk"];

/// Makes the folder and, where there is none, an empty file that only its owner may read.
pub(super) fn prepare(path: &Path) -> Result<(), StateError> {
    let folder = make_folder(path)?;
    refuse_network(path, &folder)?;
    if path.is_dir() {
        return Err(unfit(path, "it is a folder".to_owned()));
    }
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match created {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(unfit(path, format!("it cannot be made ({error})"))),
    }
}

/// Makes the folder that a file lies in, and returns it.
pub(super) fn make_folder(path: &Path) -> Result<PathBuf, StateError> {
    let folder = folder_of(path);
    std::fs::create_dir_all(&folder)
        .map_err(|error| unfit(path, format!("its folder cannot be made ({error})")))?;
    Ok(folder)
}

/// Returns the free space beside the file in MiB; absent where the system does not tell.
pub(super) fn free_mib(path: &Path) -> Option<u64> {
    let room = rustix::fs::statvfs(folder_of(path)).ok()?;
    Some(room.f_bavail.saturating_mul(room.f_frsize) / (1024 * 1024))
}

/// Returns the folder that a file lies in.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

pub(super) fn unfit(path: &Path, problem: String) -> StateError {
    StateError::Place {
        path: path.display().to_string(),
        problem,
    }
}

#[cfg(target_os = "linux")]
fn refuse_network(path: &Path, folder: &Path) -> Result<(), StateError> {
    let found = rustix::fs::statfs(folder)
        .map_err(|error| unfit(path, format!("its file system cannot be asked ({error})")))?;
    let magic = u64::try_from(found.f_type).unwrap_or_default();
    let mounted = if magic == FUSE {
        mount_type(folder)
    } else {
        None
    };
    match network_name(magic, mounted.as_deref()) {
        None => Ok(()),
        Some(name) => Err(unfit(
            path,
            format!("it lies on a network file system ({name}), where SQLite cannot lock reliably"),
        )),
    }
}

#[cfg(not(target_os = "linux"))]
fn refuse_network(_path: &Path, _folder: &Path) -> Result<(), StateError> {
    Ok(())
}

/// Returns the name of a file system that is refused.
#[cfg(target_os = "linux")]
fn network_name(magic: u64, mounted: Option<&str>) -> Option<String> {
    if magic == FUSE {
        let name = mounted.unwrap_or("fuse");
        return (!LOCAL_FUSE.contains(&name)).then(|| name.to_owned());
    }
    let known = NETWORK.iter().find(|(number, _)| *number == magic);
    known.map(|(_, name)| (*name).to_owned())
}

/// Returns the type under which the file system of a folder is mounted, such as `fuse.sshfs`.
#[cfg(target_os = "linux")]
fn mount_type(folder: &Path) -> Option<String> {
    let device = rustix::fs::stat(folder).ok()?.st_dev;
    let device = format!(
        "{}:{}",
        rustix::fs::major(device),
        rustix::fs::minor(device)
    );
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    type_of_device(&mounts, &device)
}

/// Finds a device in the text of `mountinfo`. Source: `proc_pid_mountinfo(5)`.
#[cfg(target_os = "linux")]
fn type_of_device(mounts: &str, device: &str) -> Option<String> {
    let line = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some(device))?;
    let (_, after) = line.split_once(" - ")?;
    Some(after.split(' ').next()?.to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_named_and_local_ones_pass() {
        assert_eq!(network_name(0x6969, None), Some("NFS".to_owned()));
        assert_eq!(network_name(0xFF53_4D42, None), Some("CIFS".to_owned()));
        assert_eq!(
            network_name(FUSE, Some("fuse.sshfs")),
            Some("fuse.sshfs".to_owned())
        );
        assert_eq!(network_name(FUSE, None), Some("fuse".to_owned()));
        assert_eq!(network_name(FUSE, Some("fuse.fuse-overlayfs")), None);
        assert_eq!(network_name(0xEF53, None), None, "ext4");
    }

    #[test]
    fn a_mount_is_found_by_its_device() {
        let mounts = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw\n\
                      40 35 0:52 / /data rw shared:7 - fuse.sshfs user@host:/ rw\n";
        assert_eq!(
            type_of_device(mounts, "0:52"),
            Some("fuse.sshfs".to_owned())
        );
        assert_eq!(type_of_device(mounts, "0:53"), None);
    }

    #[test]
    fn a_new_file_belongs_to_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/state.db");
        prepare(&path).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(free_mib(&path).is_some());
        let problem = prepare(Path::new("/proc/none/state.db")).unwrap_err();
        assert!(matches!(problem, StateError::Place { .. }), "{problem}");
        let folder = prepare(folder.path()).unwrap_err();
        assert!(folder.to_string().contains("it is a folder"), "{folder}");
    }
}
