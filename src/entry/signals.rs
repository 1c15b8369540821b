//! Signals that must wait.

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The signals that were blocked before; they are again when this goes.
pub struct Blocked(libc::sigset_t);

/// Blocks signals for this thread.
pub fn block(signals: &[i32]) -> Blocked {
    block_set(set_of(signals))
}

/// Blocks all signals for this thread, and so for those that it makes meanwhile.
pub fn block_all() -> Blocked {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: fills in the set.
    unsafe { libc::sigfillset(set.as_mut_ptr()) };
    // SAFETY: the set was filled in just before.
    block_set(unsafe { set.assume_init() })
}

fn block_set(set: libc::sigset_t) -> Blocked {
    let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: both point to sets of this function; it fails only for a wrong first argument.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, before.as_mut_ptr()) };
    // SAFETY: a set is an array of integers, which were zeroed and then filled in.
    Blocked(unsafe { before.assume_init() })
}

impl Blocked {
    /// A program does not inherit the block.
    pub fn end_in(&self, command: &mut Command) {
        let before = self.0;
        let restore = move || {
            // SAFETY: the set that was in force before.
            let failure =
                unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut()) };
            if failure == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(failure)) }
        };
        // SAFETY: the closure only makes a system call, which is allowed between fork and exec.
        unsafe { command.pre_exec(restore) };
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // What came meanwhile is delivered now.
        // SAFETY: the set that was in force before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}

/// Runs `body` so that writing to a pipe that nobody reads is an error, and not the end of the process.
pub fn without_sigpipe<R>(body: impl FnOnce() -> R) -> R {
    let _blocked = block(&[libc::SIGPIPE]);
    let was_pending = is_pending(libc::SIGPIPE);
    let result = body();
    if !was_pending && is_pending(libc::SIGPIPE) {
        let set = set_of(&[libc::SIGPIPE]);
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: takes the signal away, which is blocked; nothing is wanted but that.
        unsafe { libc::sigtimedwait(&raw const set, std::ptr::null_mut(), &raw const at_once) };
    }
    result
}

fn is_pending(signal: i32) -> bool {
    let mut pending = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: fills in the set.
    unsafe { libc::sigpending(pending.as_mut_ptr()) };
    // SAFETY: the set was filled in just before.
    unsafe { libc::sigismember(pending.as_ptr(), signal) == 1 }
}

/// A set of signals.
pub fn set_of(signals: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: fills in the set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in signals {
        // SAFETY: the set was filled in just before.
        unsafe { libc::sigaddset(set.as_mut_ptr(), *signal) };
    }
    // SAFETY: as above.
    unsafe { set.assume_init() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_broken_pipe_is_an_error() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        drop(reader);
        let error = without_sigpipe(|| writer.write_all(b"x")).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
        assert!(!is_pending(libc::SIGPIPE));
    }

    #[test]
    fn programs_do_not_inherit_the_block() {
        let blocked = block(&[libc::SIGWINCH]);
        let mask_of = |command: &mut Command| {
            let output = command.args(["SigBlk", "/proc/self/status"]).output().unwrap();
            let line = String::from_utf8(output.stdout).unwrap();
            u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap()
        };
        let bit = 1_u64 << (libc::SIGWINCH - 1);
        assert_ne!(mask_of(&mut Command::new("grep")) & bit, 0);
        let mut command = Command::new("grep");
        blocked.end_in(&mut command);
        assert_eq!(mask_of(&mut command) & bit, 0);
    }

    #[test]
    fn signals_wait() {
        let blocked = block(&[libc::SIGWINCH]);
        // SAFETY: a signal for this thread, which is ignored unless somebody handles it.
        unsafe { libc::raise(libc::SIGWINCH) };
        drop(blocked);
        assert!(!is_pending(libc::SIGWINCH));
    }
}
