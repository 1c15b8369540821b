//! A process beside httpd's children, as mod_cgid has one: forked by the parent, with the rights of the children,
//! ended with the configuration.

use super::hook::answer;
use super::server::Server;
use crate::apr::{Pool, Status};
use crate::guard;
use crate::sys;
use std::cell::UnsafeCell;
use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

/// The helper process, 0 when there is none. Only the parent uses it: see `OWNER`.
static HELPER: AtomicI32 = AtomicI32::new(0);
/// Who started it. Processes that are forked later inherit the number, but not the child; so does the helper.
static OWNER: AtomicI32 = AtomicI32::new(0);

/// How long the helper has to end when it is told to.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether this process has a helper that has not ended.
#[must_use]
pub fn is_running() -> bool {
    HELPER.load(Ordering::Relaxed) != 0 && is_owner()
}

/// Whether this process has started the last helper.
fn is_owner() -> bool {
    OWNER.load(Ordering::Relaxed) == own_pid()
}

fn own_pid() -> i32 {
    // SAFETY: reads a number.
    unsafe { libc::getpid() }
}

/// In the helper: whether the process that has started it is gone, also if it went at once.
#[must_use]
pub fn is_orphan() -> bool {
    // SAFETY: reads a number.
    let parent = unsafe { libc::getppid() };
    OWNER.load(Ordering::Relaxed) != parent
}

/// Forks a process of this name (up to 15 bytes) that runs `body` as an unprivileged user, and ends. Signals that
/// end a process end it at once.
///
/// # Errors
/// What the system gives.
pub fn start(
    pool: Pool<'_>,
    main: Server<'_>,
    name: &'static CStr,
    body: impl FnOnce(Pool<'_>),
) -> Result<(), Status> {
    // APR keeps its address.
    // SAFETY: plain numbers and pointers, for which zeros will do until APR fills them in.
    let process = pool.keep(UnsafeCell::new(unsafe { std::mem::zeroed::<sys::apr_proc_t>() }));
    OWNER.store(own_pid(), Ordering::Relaxed);
    // SAFETY: the record is alive, and nobody else has it.
    let forked = unsafe { sys::apr_proc_fork(process.get(), pool.as_ptr()) };
    if forked == sys::SHIM_APR_INCHILD as i32 {
        become_helper(pool, main, name, body);
    }
    if forked != sys::SHIM_APR_INPARENT as i32 {
        return Err(Status(forked));
    }
    // SAFETY: filled in by apr_proc_fork.
    let pid = unsafe { (*process.get()).pid };
    HELPER.store(pid, Ordering::Relaxed);
    let (key, no_pipe) = ((&raw const HELPER).cast_mut().cast(), std::ptr::null_mut());
    // SAFETY: the record lives as long as the pool, with which APR forgets it; the key is an address that APR only
    // compares and hands back.
    unsafe {
        sys::apr_proc_other_child_register(process.get(), Some(changed), key, no_pipe, pool.as_ptr());
    }
    Ok(())
}

/// What APR says of the helper: that it has died, or that httpd is about to restart.
unsafe extern "C" fn changed(reason: c_int, key: *mut c_void, _: c_int) {
    guard::catch("helper", (), || {
        let is_dead = [sys::APR_OC_REASON_DEATH, sys::APR_OC_REASON_LOST].contains(&(reason as u32));
        if is_dead {
            HELPER.store(0, Ordering::Relaxed);
        }
        if is_dead || reason as u32 == sys::APR_OC_REASON_RESTART {
            // SAFETY: the key that it was registered with.
            unsafe { sys::apr_proc_other_child_unregister(key) };
        }
    });
}

/// Ends the helper of this process, if it has one.
pub fn stop() {
    if !is_owner() {
        return;
    }
    let pid = HELPER.swap(0, Ordering::Relaxed);
    if pid <= 0 {
        return;
    }
    signal_to(pid, libc::SIGTERM);
    let step = Duration::from_millis(2);
    let mut left = PATIENCE;
    while !has_ended(pid, libc::WNOHANG) {
        if left.is_zero() {
            signal_to(pid, libc::SIGKILL);
            has_ended(pid, 0);
            return;
        }
        std::thread::sleep(step);
        left = left.saturating_sub(step);
    }
}

fn signal_to(pid: i32, signal: c_int) {
    // SAFETY: a child of this process that has not been waited for.
    unsafe { libc::kill(pid, signal) };
}

/// Waits for a child; `true` as well if it is none any more.
fn has_ended(pid: i32, options: c_int) -> bool {
    loop {
        let mut status = 0;
        // SAFETY: the place is ours.
        let ended = unsafe { libc::waitpid(pid, &raw mut status, options) };
        if ended != -1 || std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
            return ended != 0;
        }
    }
}

fn become_helper(pool: Pool<'_>, main: Server<'_>, name: &'static CStr, body: impl FnOnce(Pool<'_>)) -> ! {
    let code = guard::catch("helper", 1, || {
        reset_signals();
        set_name(name);
        // SAFETY: connections are none of this process' business; the parent keeps its sockets.
        unsafe { sys::ap_close_listeners() };
        // SAFETY: pool and server are alive. Modules such as mod_unixd do this to each child.
        let dropped = unsafe { sys::ap_run_drop_privileges(pool.as_ptr(), main.as_ptr()) };
        if dropped != answer::OK && dropped != answer::DECLINED {
            return 1;
        }
        body(pool);
        0
    });
    // SAFETY: ends the process without the cleanups of the parent, whose copies it has.
    unsafe { libc::_exit(code) }
}

/// httpd's handlers only count. Signals for httpd's own restarts go to its parent process.
fn reset_signals() {
    for (signal, handler) in [
        (libc::SIGTERM, libc::SIG_DFL),
        (libc::SIGINT, libc::SIG_DFL),
        (libc::SIGHUP, libc::SIG_DFL),
        (libc::SIGCHLD, libc::SIG_DFL),
        (libc::SIGUSR1, libc::SIG_IGN),
        (libc::SIGUSR2, libc::SIG_IGN),
        (libc::SIGWINCH, libc::SIG_IGN),
        (libc::SIGPIPE, libc::SIG_IGN),
    ] {
        // SAFETY: no handler of ours is installed.
        unsafe { libc::signal(signal, handler) };
    }
    mask(libc::SIG_UNBLOCK);
}

fn mask(how: c_int) {
    // SAFETY: sigemptyset fills it in.
    let mut set = unsafe { std::mem::zeroed::<libc::sigset_t>() };
    // SAFETY: the set is ours.
    unsafe { libc::sigemptyset(&raw mut set) };
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        // SAFETY: the set is ours.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    // SAFETY: the set is filled in; the old one is not wanted.
    unsafe { libc::pthread_sigmask(how, &raw const set, std::ptr::null_mut()) };
}

/// Runs `body` without being ended by a signal meanwhile. Threads that it starts never are.
pub fn without_signals<R>(body: impl FnOnce() -> R) -> R {
    struct Unmask;
    impl Drop for Unmask {
        fn drop(&mut self) {
            mask(libc::SIG_UNBLOCK);
        }
    }
    mask(libc::SIG_BLOCK);
    let _unmask = Unmask;
    body()
}

/// The name that `ps -o comm` shows.
#[cfg(target_os = "linux")]
fn set_name(name: &'static CStr) {
    // SAFETY: copies the text.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

#[cfg(not(target_os = "linux"))]
fn set_name(_: &'static CStr) {}
