//! Small files that are read whole, beside the logs: those of streaming checkpoints.

use assets::delta::Unreadable;

use super::store::LogStore;

/// Reads a file of at most so many bytes; nothing where it is not there. Blocks.
///
/// # Errors
///
/// When the store does not answer, or the file is larger.
pub fn read_small(
    store: &dyn LogStore,
    name: &str,
    largest: u64,
) -> Result<Option<Vec<u8>>, Unreadable> {
    let too_large = |bytes: u64| Unreadable::TooLarge {
        name: name.to_owned(),
        bytes,
        limit: largest,
    };
    // Looked at first: who wrote the file may have written anything.
    match store.stat(name)? {
        None => return Ok(None),
        Some(stat) if stat.size > largest => return Err(too_large(stat.size)),
        Some(_) => {}
    }
    let Some(file) = store.read(name)? else {
        return Ok(None);
    };
    if file.stat.size > largest {
        return Err(too_large(file.stat.size));
    }
    Ok(Some(file.bytes.into()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::delta_log::LocalStore;

    #[test]
    fn files_of_a_folder_are_read_up_to_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("offsets")).unwrap();
        fs::write(folder.path().join("offsets/7"), b"v1\n{}").unwrap();
        let store = LocalStore::of_folder(folder.path().to_owned());
        let read = |name: &str, largest| read_small(&store, name, largest);
        assert_eq!(
            read("offsets/7", 5).unwrap().as_deref(),
            Some(&b"v1\n{}"[..])
        );
        assert_eq!(read("offsets/8", 5), Ok(None));
        assert_eq!(read("offsets", 5), Ok(None));
        let (name, bytes, limit) = ("offsets/7".to_owned(), 5, 4);
        assert_eq!(
            read("offsets/7", 4),
            Err(Unreadable::TooLarge { name, bytes, limit })
        );
    }
}
