//! Waiting without a thread: what the event MPM of httpd 2.4.63 and later
//! does for process_connection hooks (`AP_MPMQ_CAN_WAITIO`).

use super::conn::{Conn, Sense};
use crate::apr::pool::text_from;
use crate::sys;
use std::ffi::c_int;

/// Whether the MPM takes connections back from process_connection hooks to
/// wait for their sockets. After the register_hooks callbacks.
#[must_use]
pub fn can_wait() -> bool {
    let mut answer: c_int = 0;
    // SAFETY: writes the answer.
    let status = unsafe { sys::ap_mpm_query(sys::AP_MPMQ_CAN_WAITIO as c_int, &raw mut answer) };
    status == 0 && answer == 1
}

/// How many threads of a process serve connections. In a child process.
#[must_use]
pub fn threads() -> Option<usize> {
    let mut answer: c_int = 0;
    // SAFETY: writes the answer.
    let status = unsafe { sys::ap_mpm_query(sys::AP_MPMQ_MAX_THREADS as c_int, &raw mut answer) };
    usize::try_from(answer).ok().filter(|_| status == 0)
}

/// The value of `AsyncRequestWorkerFactor`, the directive of the MPM: as it
/// stands in the configuration, and else 2.
#[must_use]
pub fn worker_factor() -> f64 {
    // SAFETY: httpd keeps the directives as long as the configuration, and changes them only when it reads a new one.
    let mut at = unsafe { sys::ap_conftree };
    let mut factor = 2.0;
    // SAFETY: nodes of that list, which lives as long as the configuration; the last has no next one.
    while let Some(line) = unsafe { at.as_ref() } {
        // SAFETY: the name of a directive is a C string.
        let name = unsafe { text_from(line.directive) };
        // SAFETY: its arguments are a C string, or NULL.
        let value = unsafe { text_from(line.args) };
        if name.is_some_and(|name| name.to_bytes().eq_ignore_ascii_case(b"AsyncRequestWorkerFactor")) {
            let value = value.and_then(|value| value.to_str().ok()?.trim_matches(['"', ' ']).parse().ok());
            factor = value.unwrap_or(factor);
        }
        at = line.next;
    }
    factor
}

/// Has the MPM wait until the peer of `conn` sends, or can take, something,
/// and then run the process_connection hooks again, from the first, in any
/// thread. The hook that says this answers `OK` and leaves the connection
/// alone from then on. `false` with another MPM.
#[must_use]
pub fn wait(conn: Conn<'_>, sense: Sense) -> bool {
    conn.set_state(
        sys::CONN_STATE_ASYNC_WAITIO,
        match sense {
            Sense::Read => sys::CONN_SENSE_WANT_READ,
            Sense::Write => sys::CONN_SENSE_WANT_WRITE,
        },
    )
}

/// Has the MPM send what core still holds, and go on then as after a request:
/// keep the connection, read the next request, or close it. The
/// process_connection hook that says this answers `OK`.
pub fn complete(conn: Conn<'_>) {
    conn.set_state(sys::CONN_STATE_WRITE_COMPLETION, sys::CONN_SENSE_DEFAULT);
}

/// Whether nothing but what `known` names, by the names of their modules'
/// files, is in the process_connection hook. In a child process.
#[must_use]
pub fn processed_only_by(known: &[&str]) -> bool {
    // SAFETY: gives the array of the hook, or NULL.
    let hooks = unsafe { sys::ap_hook_get_process_connection() };
    // SAFETY: lives as long as the configuration's hooks.
    let Some(hooks) = (unsafe { hooks.as_ref() }) else { return true };
    let first = hooks.elts.cast::<sys::ap_LINK_process_connection_t>().cast_const();
    (0..usize::try_from(hooks.nelts).unwrap_or(0)).all(|index| {
        // SAFETY: the index is below the number of elements, whose type is that of the hook.
        let link = unsafe { first.add(index) };
        // SAFETY: as above.
        let name = unsafe { (*link).szName };
        // SAFETY: the names of modules are static C strings, or NULL.
        let name = unsafe { text_from(name) };
        name.and_then(|name| name.to_str().ok()).is_some_and(|name| known.contains(&name))
    })
}
