//! Where the control socket is, and who may use it: its owner only.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket,
};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::geteuid;

/// Why the control socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another driver answers there.
    #[error("{0}: a driver is running there; stop it, or choose another path with --socket")]
    Live(PathBuf),
    /// A file that is no socket is in the way.
    #[error("{0}: is there and is not a socket; choose another path with --socket")]
    NotASocket(PathBuf),
    /// The operating system says no.
    #[error("{path}: {error}; choose another path with --socket", path = path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// A listening socket whose file goes away with it.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
    /// Device and inode, so that a later driver's socket is not removed.
    identity: (u64, u64),
    listener: UnixListener,
}

impl ControlSocket {
    /// Listens at a path, in place of a socket on which nobody listens any more.
    ///
    /// # Errors
    /// When another driver listens there, or the socket cannot be made.
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        let in_path = |error| SocketError::Io {
            path: path.to_owned(),
            error,
        };
        clear_the_way(path)?;
        let listener = listen_privately(path).map_err(in_path)?;
        let metadata = fs::symlink_metadata(path).map_err(in_path)?;
        Ok(Self {
            path: path.to_owned(),
            identity: identity(&metadata),
            listener,
        })
    }

    /// Listens at the first default place that can be written.
    ///
    /// # Errors
    /// As [`ControlSocket::bind`].
    pub fn bind_default() -> Result<Self, SocketError> {
        let [first, others @ ..] = &default_paths()[..] else {
            unreachable!("there are places")
        };
        let made = first.parent().map(|parent| {
            fs::DirBuilder::new()
                .mode(0o700)
                .recursive(true)
                .create(parent)
        });
        let mut outcome = match made {
            Some(Err(error)) => Err(SocketError::Io {
                path: first.clone(),
                error,
            }),
            _ => Self::bind(first),
        };
        for path in others {
            if !matches!(outcome, Err(SocketError::Io { .. })) {
                break;
            }
            outcome = Self::bind(path);
        }
        outcome
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A handle to accept connections with.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn listener(&self) -> io::Result<UnixListener> {
        self.listener.try_clone()
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path);
        if found.is_ok_and(|metadata| identity(&metadata) == self.identity) {
            // Nobody is left to tell, and the next driver replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// The mode is set before there is a file, which Linux gives the mode of its socket.
fn listen_privately(path: &Path) -> io::Result<UnixListener> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    fchmod(&socket, Mode::S_IRUSR | Mode::S_IWUSR)?;
    bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    listen(&socket, Backlog::MAXCONN)?;
    Ok(UnixListener::from(socket))
}

fn clear_the_way(path: &Path) -> Result<(), SocketError> {
    let in_path = |error| SocketError::Io {
        path: path.to_owned(),
        error,
    };
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(in_path)?,
    };
    if !metadata.file_type().is_socket() {
        return Err(SocketError::NotASocket(path.to_owned()));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(SocketError::Live(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(in_path)
        }
        Err(error) => Err(in_path(error)),
    }
}

/// Where a driver listens and a client looks, in this order.
pub fn default_paths() -> Vec<PathBuf> {
    let run = PathBuf::from("/run/headgate/driver.sock");
    let user = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty());
    let user = user.map(|dir| Path::new(&dir).join("headgate.sock"));
    let temporary = PathBuf::from(format!("/tmp/headgate-{}.sock", geteuid()));
    [run].into_iter().chain(user).chain([temporary]).collect()
}

/// The default place where a driver of this user, or of root, left its socket; else the first.
pub fn find_default() -> PathBuf {
    let paths = default_paths();
    let found = paths.iter().find(|path| is_trusted(path)).or(paths.first());
    found.cloned().expect("there are places")
}

/// Anybody can make files in /tmp; those of others are not asked.
fn is_trusted(path: &Path) -> bool {
    let owners = [0, geteuid().as_raw()];
    fs::symlink_metadata(path)
        .is_ok_and(|found| found.file_type().is_socket() && owners.contains(&found.uid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_its_owners_only_and_goes_away() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s");
        let socket = ControlSocket::bind(&path).expect("binds");
        let mode = fs::metadata(&path).expect("is there").mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn a_live_socket_is_refused_and_a_stale_one_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s");
        let stale = UnixListener::bind(&path).expect("binds");
        assert!(matches!(
            ControlSocket::bind(&path),
            Err(SocketError::Live(_))
        ));
        drop(stale);
        assert!(path.exists());
        ControlSocket::bind(&path).expect("replaces it");
    }

    #[test]
    fn no_other_file_is_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("precious");
        fs::write(&path, "text").expect("writes");
        assert!(matches!(
            ControlSocket::bind(&path),
            Err(SocketError::NotASocket(_))
        ));
        assert_eq!(fs::read_to_string(&path).expect("reads"), "text");
        let nowhere = dir.path().join("none/s");
        let error = ControlSocket::bind(&nowhere)
            .expect_err("no directory")
            .to_string();
        assert!(
            error.contains("none/s") && error.contains("--socket"),
            "{error}"
        );
    }
}
