//! Watches the configuration file.
//!
//! By looking at it twice a second: that sees files which editors replace by renaming, links that
//! are swapped under a mount, and network file systems alike, and needs no kernel resource that can
//! run out. A file that is still being written is left alone until two looks agree.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use flow_compiler::source::Source;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(500);

/// What tells one state of a file from another: device, inode, length, modification time.
type Stamp = (u64, u64, u64, i64, i64);

/// A configuration file, and what was last seen of it.
#[derive(Debug)]
pub(super) struct Watch {
    path: PathBuf,
    /// The text that was handed out last.
    text: String,
    /// The file when it was last read.
    read: Option<Stamp>,
    /// The file at the last look.
    seen: Option<Stamp>,
    is_unreadable: bool,
}

impl Watch {
    /// Watches the file that this text was read from.
    pub(super) fn new(path: PathBuf, text: String) -> Self {
        let read = None; // it may have changed since it was read: the text decides
        Self {
            path,
            text,
            read,
            seen: None,
            is_unreadable: false,
        }
    }

    /// The next text that differs from the one before.
    pub(super) async fn changed(&mut self) -> Source {
        loop {
            tokio::time::sleep(PERIOD).await;
            if let Some(source) = self.look() {
                return source;
            }
        }
    }

    fn look(&mut self) -> Option<Source> {
        let stamp = fs::metadata(&self.path).ok().map(|file| {
            (
                file.dev(),
                file.ino(),
                file.len(),
                file.mtime(),
                file.mtime_nsec(),
            )
        });
        let is_settled = stamp == self.seen;
        self.seen = stamp;
        if !is_settled || stamp == self.read && !self.is_unreadable {
            return None;
        }
        match Source::load(&self.path) {
            Ok(source) => {
                self.read = stamp;
                self.is_unreadable = false;
                let is_new = source.text != self.text;
                self.text.clone_from(&source.text);
                is_new.then_some(source)
            }
            Err(error) => {
                if !self.is_unreadable {
                    let path = self.path.display();
                    tracing::warn!(%path, %error, "the configuration file cannot be read; what is in force stays");
                }
                self.is_unreadable = true;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, Watch) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("c.yaml");
        fs::write(&path, text).expect("writes");
        (dir, Watch::new(path, text.into()))
    }

    fn look_twice(watch: &mut Watch) -> Option<String> {
        watch
            .look()
            .or_else(|| watch.look())
            .map(|source| source.text)
    }

    #[test]
    fn a_change_is_seen_once_and_the_same_text_never() {
        let (_dir, mut watch) = file("a");
        assert_eq!(look_twice(&mut watch), None);
        fs::write(&watch.path, "bc").expect("writes");
        assert_eq!(look_twice(&mut watch).as_deref(), Some("bc"));
        assert_eq!(look_twice(&mut watch), None);
        fs::write(&watch.path, "bc").expect("writes");
        assert_eq!(look_twice(&mut watch), None);
    }

    #[test]
    fn a_replaced_file_is_seen_and_a_missing_one_waited_for() {
        let (dir, mut watch) = file("a");
        look_twice(&mut watch);
        fs::remove_file(&watch.path).expect("removes");
        assert_eq!(look_twice(&mut watch), None);
        assert!(watch.is_unreadable);
        let new = dir.path().join("new");
        fs::write(&new, "b").expect("writes");
        fs::rename(&new, &watch.path).expect("renames");
        assert_eq!(look_twice(&mut watch).as_deref(), Some("b"));
    }

    #[test]
    fn a_file_that_grows_is_left_alone() {
        let (_dir, mut watch) = file("a");
        look_twice(&mut watch);
        for text in ["ab", "abc", "abcd"] {
            fs::write(&watch.path, text).expect("writes");
            assert_eq!(watch.look(), None);
        }
        assert_eq!(watch.look().expect("settled").text, "abcd");
    }
}
