//! The HTTP/1.1 a probe speaks: one GET, and of the reply its status.
//!
//! Pure bytes. `httparse` reads the head; a whole HTTP client would bring connection reuse, bodies,
//! redirects and a dozen crates, none of which a probe wants.

use std::net::{IpAddr, SocketAddr};

use crate::health::RequestPath;

/// The port of HTTP, which a Host field leaves out.
pub(super) const PORT: u16 = 80;
/// The port of HTTPS.
pub(super) const TLS_PORT: u16 = 443;

/// Most bytes of a reply that are read before it counts as endless.
pub(super) const HEAD_MAX: usize = 16 * 1024;

/// Most header fields of a reply.
const FIELDS_MAX: usize = 256;

const VERSION_PREFIX: &[u8] = b"HTTP/1.";
const SWITCHING_PROTOCOLS: u16 = 101;

/// The request that asks `backend` for `path`; `usual` is the port of its scheme.
pub(super) fn request(backend: SocketAddr, usual: u16, path: &RequestPath) -> Vec<u8> {
    let path = path.as_str();
    let host = host(backend, usual);
    [
        &format!("GET {path} HTTP/1.1"),
        &format!("Host: {host}"),
        "User-Agent: headgate",
        "Accept: */*",
        "Connection: close",
        "\r\n",
    ]
    .join("\r\n")
    .into_bytes()
}

/// The backend's address as a Host field: the port only where it is not the usual one.
fn host(backend: SocketAddr, usual: u16) -> String {
    match backend.ip() {
        _ if backend.port() != usual => backend.to_string(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// How far a reply has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Incomplete,
    Status(u16),
    Malformed,
}

/// The bytes of a reply so far.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) bytes: Vec<u8>,
    /// The head under way starts here; interim replies are before it.
    head: usize,
    /// No blank line ends before here.
    scanned: usize,
}

impl Reply {
    /// Looks at the bytes that came since the last call. Each byte is looked at a fixed number of
    /// times, however slowly they drip in.
    pub(super) fn progress(&mut self) -> Progress {
        while let Some(end) = self.head_end() {
            match status(&self.bytes[self.head..end]) {
                Some(code) if (100..200).contains(&code) && code != SWITCHING_PROTOCOLS => {
                    self.head = end;
                    self.scanned = end;
                }
                Some(code) => return Progress::Status(code),
                None => return Progress::Malformed,
            }
        }
        let head = &self.bytes[self.head..];
        let prefix = head.len().min(VERSION_PREFIX.len());
        if head[..prefix] != VERSION_PREFIX[..prefix] || self.bytes.len() >= HEAD_MAX {
            return Progress::Malformed;
        }
        Progress::Incomplete
    }

    /// The end of the blank line that ends the head.
    fn head_end(&mut self) -> Option<usize> {
        let from = self.scanned;
        let line_ends = (from..self.bytes.len()).filter(|at| self.bytes[*at] == b'\n');
        for at in line_ends {
            let line = self.bytes[self.head..at]
                .strip_suffix(b"\r")
                .unwrap_or(&self.bytes[self.head..at]);
            if line.ends_with(b"\n") {
                return Some(at + 1);
            }
        }
        self.scanned = self.bytes.len();
        None
    }
}

fn status(head: &[u8]) -> Option<u16> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    match response.parse(head) {
        Ok(httparse::Status::Complete(_)) => response.code,
        Ok(httparse::Status::Partial) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Progress {
        read_in_pieces(bytes, bytes.len().max(1))
    }

    fn read_in_pieces(bytes: &[u8], size: usize) -> Progress {
        let mut reply = Reply::default();
        for piece in bytes.chunks(size) {
            reply.bytes.extend_from_slice(piece);
            let progress = reply.progress();
            if progress != Progress::Incomplete {
                return progress;
            }
        }
        Progress::Incomplete
    }

    #[test]
    fn l_prb_04_request() {
        let path = RequestPath::new("/health?deep=1").expect("a path");
        let text_of = |backend: &str, usual| {
            let backend = backend.parse().expect("an address");
            String::from_utf8(request(backend, usual, &path)).expect("ASCII")
        };
        let text = |backend| text_of(backend, PORT);
        let request = text("10.0.0.4:8080");
        assert!(request.starts_with("GET /health?deep=1 HTTP/1.1\r\nHost: 10.0.0.4:8080\r\n"));
        assert!(request.ends_with("\r\nConnection: close\r\n\r\n"));
        assert!(text("10.0.0.4:80").contains("\r\nHost: 10.0.0.4\r\n"));
        assert!(text("[fd00::4]:80").contains("\r\nHost: [fd00::4]\r\n"));
        assert!(text("[fd00::4]:8080").contains("\r\nHost: [fd00::4]:8080\r\n"));
        let https = |backend| text_of(backend, TLS_PORT);
        assert!(https("10.0.0.4:443").contains("\r\nHost: 10.0.0.4\r\n"));
        assert!(https("10.0.0.4:80").contains("\r\nHost: 10.0.0.4:80\r\n"));
    }

    #[test]
    fn replies() {
        use Progress::{Incomplete, Malformed, Status};
        for (bytes, expected) in [
            (&b"HTTP/1.1 200 OK\r\n\r\n"[..], Status(200)),
            (
                b"HTTP/1.0 503 Service Unavailable\r\nA: b\r\n\r\nbody\r\n\r\n",
                Status(503),
            ),
            (b"HTTP/1.1 200\r\nA: b\r\n\r\n", Status(200)),
            (b"HTTP/1.1 301 Moved\nLocation: /x\n\n", Status(301)),
            (
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
                Status(204),
            ),
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Status(101)),
            (b"HTTP/1.1 200 OK\r\nA: b\r\n", Incomplete),
            (b"HTT", Incomplete),
            (b"", Incomplete),
            (b"\r\n\r\n", Malformed),
            (b"HTTP/2 200\r\n\r\n", Malformed),
            (b"HTTP/1.1 20 OK\r\n\r\n", Malformed),
            (b"HTTP/1.1 200 OK\r\n: no name\r\n\r\n", Malformed),
            (b"SSH-2.0-OpenSSH_9.6\r\n", Malformed),
            (b"\0\xff", Malformed),
        ] {
            assert_eq!(read(bytes), expected, "{}", bytes.escape_ascii());
            assert_eq!(
                read_in_pieces(bytes, 1),
                expected,
                "{} dripped",
                bytes.escape_ascii()
            );
        }
    }

    #[test]
    fn endless_heads_are_malformed() {
        let mut endless = b"HTTP/1.1 200 OK\r\n".to_vec();
        endless.resize(HEAD_MAX, b'x');
        assert_eq!(read(&endless[..HEAD_MAX - 1]), Progress::Incomplete);
        assert_eq!(read(&endless), Progress::Malformed);
        let fields = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a:\r\n".repeat(FIELDS_MAX + 1));
        assert_eq!(read(fields.as_bytes()), Progress::Malformed);
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(HEAD_MAX / 20);
        assert_eq!(read(interim.as_bytes()), Progress::Malformed);
    }

    proptest! {
        #[test]
        fn nothing_trusted_any_bytes_never_panic(
            start in prop::sample::select(vec!["", "HTTP/1.1 ", "HTTP/1.1 200 OK\r\n", "\r\n"]),
            rest in prop::collection::vec(
                prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b':')], 0..600),
            size in 1_usize..50,
        ) {
            let bytes = [start.as_bytes(), &rest].concat();
            let progress = read_in_pieces(&bytes, size);
            prop_assert_eq!(progress, read_in_pieces(&bytes, 1), "pieces make no difference");
        }
    }
}
