//! Ports as network interfaces, by `AF_PACKET` sockets.
//!
//! The kernel's socket interface directly, because `pnet` sees the frames it sends itself, cannot
//! wait for several interfaces at once, and loses VLAN tags: the kernel takes them out of the frame
//! and tells of them beside it. Here outgoing frames are ignored and tags are put back.
//!
//! The interfaces must not leave work to hardware that is not there: switch off checksum, GSO, TSO
//! and GRO offload on a veth pair (`ethtool -K IF tx off rx off gso off tso off gro off`), on both
//! ends. Frames that are too long come in as oversized, partial checksums stay wrong.
#![expect(
    unsafe_code,
    reason = "sockets of this family have no safe interface; each call is wrapped here"
)]

use std::ffi::CString;
use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use firmware_api::PortId;
use firmware_api::packet::header::ethertype;

use super::Ports;
use crate::batch::Batch;

/// Network interfaces on some ports.
#[derive(Debug, Default)]
pub struct PacketSockets {
    sockets: Vec<Option<PacketSocket>>,
    waiting: Vec<libc::pollfd>,
}

/// One interface.
#[derive(Debug)]
struct PacketSocket {
    fd: OwnedFd,
}

/// `TP_STATUS_VLAN_VALID` of the auxiliary data.
const VLAN_VALID: u32 = 1 << 4;
const TAG_LEN: usize = 4;
const MACS_LEN: usize = 12;

impl PacketSockets {
    /// Attaches an interface to a port; it becomes promiscuous.
    ///
    /// # Errors
    /// When there is no such interface, or the process may not open it.
    pub fn attach(&mut self, port: PortId, interface: &str) -> io::Result<()> {
        let socket = PacketSocket::open(interface)?;
        self.waiting.push(libc::pollfd {
            fd: socket.fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        });
        let index = usize::from(port);
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, || None);
        }
        self.sockets[index] = Some(socket);
        Ok(())
    }

    /// Waits until a frame came in on some port, a signal came, or the time is over.
    pub fn wait(&mut self, timeout: Duration) {
        let millis = timeout.as_millis() as libc::c_int;
        let len = self.waiting.len() as libc::nfds_t;
        // SAFETY: the pointer and length are those of the vector, which nobody else uses now.
        unsafe { libc::poll(self.waiting.as_mut_ptr(), len, millis) };
    }
}

impl Ports for PacketSockets {
    fn receive(&mut self, port: PortId, batch: &mut Batch) {
        let Some(Some(socket)) = self.sockets.get(usize::from(port)) else {
            return;
        };
        while batch.receive(port, |buffer| socket.receive(buffer)) {}
    }

    fn transmit(&mut self, port: PortId, frame: &[u8]) -> bool {
        let Some(Some(socket)) = self.sockets.get(usize::from(port)) else {
            return false;
        };
        socket.send(frame)
    }
}

impl PacketSocket {
    fn open(interface: &str) -> io::Result<Self> {
        let name = CString::new(interface)?;
        // SAFETY: the name is a string that ends in zero and outlives the call.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        if index == 0 {
            return Err(io::Error::last_os_error());
        }
        let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // Protocol 0 receives nothing until `bind` names one: no frame of another interface.
        // SAFETY: the call takes no pointers.
        let fd = check(unsafe { libc::socket(libc::AF_PACKET, kind, 0) })?;
        // SAFETY: the descriptor is new, open, and owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let raw = fd.as_raw_fd();
        set_option(raw, libc::PACKET_IGNORE_OUTGOING, &1i32)?;
        set_option(raw, libc::PACKET_AUXDATA, &1i32)?;
        let membership = libc::packet_mreq {
            mr_ifindex: index.cast_signed(),
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        set_option(raw, libc::PACKET_ADD_MEMBERSHIP, &membership)?;
        bind(raw, index)?;
        Ok(Self { fd })
    }

    /// Reads a frame, its VLAN tag put back; `None` when there is none.
    fn receive(&self, buffer: &mut [u8]) -> Option<usize> {
        let (received, tag) = receive_message(self.fd.as_raw_fd(), buffer)?;
        let Some(tag) = tag.filter(|_| received >= MACS_LEN) else {
            return Some(received);
        };
        let kept = received.min(buffer.len() - TAG_LEN);
        buffer.copy_within(MACS_LEN..kept, MACS_LEN + TAG_LEN);
        buffer[MACS_LEN..MACS_LEN + 2].copy_from_slice(&ethertype::VLAN.to_be_bytes());
        buffer[MACS_LEN + 2..MACS_LEN + 4].copy_from_slice(&tag.to_be_bytes());
        Some(received + TAG_LEN)
    }

    fn send(&self, frame: &[u8]) -> bool {
        let (data, len) = (frame.as_ptr().cast(), frame.len());
        // SAFETY: the pointer and length are those of the slice.
        let sent = unsafe { libc::send(self.fd.as_raw_fd(), data, len, libc::MSG_DONTWAIT) };
        usize::try_from(sent) == Ok(len)
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn set_option<T>(fd: RawFd, option: libc::c_int, value: &T) -> io::Result<()> {
    let len = size_of::<T>() as libc::socklen_t;
    let value = std::ptr::from_ref(value).cast();
    // SAFETY: the pointer and length are those of a value that outlives the call; the callers pass
    // the plain C type that the option takes.
    check(unsafe { libc::setsockopt(fd, libc::SOL_PACKET, option, value, len) })?;
    Ok(())
}

fn bind(fd: RawFd, interface: u32) -> io::Result<()> {
    // SAFETY: a socket address of zeros is a value of that C type.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = interface.cast_signed();
    let len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the pointer and length are those of the address, which outlives the call.
    check(unsafe { libc::bind(fd, (&raw const address).cast(), len) })?;
    Ok(())
}

/// Room for one control message with auxiliary data, aligned as its header wants.
#[repr(align(8))]
struct Control([u8; 64]);

/// Reads a frame and the tag that the kernel took out of it.
fn receive_message(fd: RawFd, buffer: &mut [u8]) -> Option<(usize, Option<u16>)> {
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let mut control = Control([0; 64]);
    // SAFETY: a message header of zeros is a value of that C type.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>() as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    // SAFETY: every pointer in the header is that of a local or of the buffer, with its length.
    let received = unsafe { libc::recvmsg(fd, &raw mut message, flags) };
    let received = usize::try_from(received).ok()?;
    Some((received, tag_of(&message)))
}

/// The tag in the auxiliary data of a message that the kernel filled in.
fn tag_of(message: &libc::msghdr) -> Option<u16> {
    const LEN: usize = size_of::<libc::tpacket_auxdata>();
    // SAFETY: the kernel has filled in the header, so the macro returns null or a whole message
    // header inside the control buffer, which the caller still holds.
    let first = unsafe { libc::CMSG_FIRSTHDR(message).as_ref() }?;
    // SAFETY: the macro only computes.
    let wanted = unsafe { libc::CMSG_LEN(LEN as u32) } as usize;
    let is_auxiliary =
        first.cmsg_level == libc::SOL_PACKET && first.cmsg_type == libc::PACKET_AUXDATA;
    if !is_auxiliary || first.cmsg_len < wanted {
        return None;
    }
    // SAFETY: auxiliary data of zeros, or of any other bytes, is a value of that C type.
    let mut data: libc::tpacket_auxdata = unsafe { zeroed() };
    // SAFETY: the message is at least `wanted` long, so `LEN` bytes of data follow its header; the
    // two do not overlap.
    unsafe { libc::CMSG_DATA(first).copy_to_nonoverlapping((&raw mut data).cast(), LEN) };
    (data.tp_status & VLAN_VALID != 0).then_some(data.tp_vlan_tci)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A veth pair that lives as long as this.
    struct Veth(String, String);

    impl Veth {
        /// `None` when this process may not make one.
        fn new() -> Option<Self> {
            let names = ["a", "b"].map(|end| format!("hg{}{end}", std::process::id()));
            let [a, b] = &names;
            let ip = |arguments: &str| {
                Command::new("ip")
                    .args(arguments.split(' '))
                    .output()
                    .is_ok_and(|output| output.status.success())
            };
            if !ip(&format!("link add {a} type veth peer name {b}")) {
                return None;
            }
            let veth = Self(a.clone(), b.clone());
            let up = ip(&format!("link set {a} up")) && ip(&format!("link set {b} up"));
            up.then_some(veth)
        }
    }

    impl Drop for Veth {
        fn drop(&mut self) {
            let _ = Command::new("ip").args(["link", "del", &self.0]).output();
        }
    }

    /// The frames of an `EtherType` of ours; the kernel sends frames of its own.
    fn received(sockets: &mut PacketSockets, port: PortId) -> Vec<Vec<u8>> {
        let ours = |frame: &Vec<u8>| frame[..6] == [2, 0, 0, 0, 0, 9];
        let mut received = Vec::new();
        for _ in 0..5 {
            let mut batch = Batch::default();
            sockets.wait(Duration::from_millis(200));
            sockets.receive(port, &mut batch);
            let frames = batch.frames().iter().map(|frame| frame.bytes().to_vec());
            received.extend(frames.filter(ours));
            if !received.is_empty() {
                break;
            }
        }
        received
    }

    #[test]
    fn frames_cross_a_veth_pair_with_their_tags_and_none_comes_back() {
        let Some(veth) = Veth::new() else {
            eprintln!("skipped: needs the right to make network interfaces");
            return;
        };
        let mut sockets = PacketSockets::default();
        sockets.attach(0, &veth.0).expect("attaches");
        sockets.attach(2, &veth.1).expect("attaches");
        let mut frame = vec![2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x88, 0xb5];
        frame.extend([5; 50]);
        assert!(sockets.transmit(0, &frame));
        assert_eq!(received(&mut sockets, 2), [frame.clone()]);
        frame.splice(12..12, [0x81, 0, 0x20, 100]);
        assert!(sockets.transmit(2, &frame));
        assert_eq!(received(&mut sockets, 0), [frame.clone()]);
        assert!(received(&mut sockets, 2).is_empty(), "its own frames");
        assert!(!sockets.transmit(1, &frame), "nothing attached");
        assert!(sockets.attach(3, "no-such-interface").is_err());
    }
}
