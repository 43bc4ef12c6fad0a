//! What the kernel knows about processes and sockets.

use std::fs;
use std::net::SocketAddr;

use rustix::process::{Pid, Signal, kill_process};

/// The processes that decode pictures for `server`, in the order of their ids.
pub(crate) fn decoders_of(server: u32) -> Vec<Pid> {
    let is_decoder = |pid: &i32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        parent_and_state(*pid).is_some_and(|(parent, state)| parent == server && state != 'Z')
            && command.split(|byte| *byte == 0).any(|word| word == b"decode-worker")
    };
    let entries = fs::read_dir("/proc").expect("a system with /proc");
    let mut pids: Vec<i32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(is_decoder)
        .collect();
    pids.sort_unstable();
    pids.into_iter().filter_map(Pid::from_raw).collect()
}

/// The state letter of `/proc/PID/stat`; `None` once the process is gone.
pub(crate) fn state(pid: Pid) -> Option<char> {
    parent_and_state(pid.as_raw_nonzero().get()).map(|(_, state)| state)
}

fn parent_and_state(pid: i32) -> Option<(u32, char)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program stands in parentheses and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, state))
}

/// Sends `signal` to the process.
pub(crate) fn send(pid: Pid, signal: Signal) {
    kill_process(pid, signal).expect("the process takes signals");
}

/// Whether the end at `local` of the connection with `remote` has read all that arrived there.
pub(crate) fn has_read_everything(local: SocketAddr, remote: SocketAddr) -> bool {
    let sockets = fs::read_to_string("/proc/net/tcp").expect("a system with /proc");
    let wanted = [in_kernel_notation(local), in_kernel_notation(remote)];
    sockets.lines().any(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        // Number, local and remote address, state, and the two queues.
        fields.len() > 4 && fields[1..3] == wanted && fields[4].ends_with(":00000000")
    })
}

fn in_kernel_notation(address: SocketAddr) -> String {
    let SocketAddr::V4(address) = address else { panic!("an IPv4 address") };
    let number = u32::from_ne_bytes(address.ip().octets());
    format!("{number:08X}:{:04X}", address.port())
}
