//! Mutexes between processes, configured by `Mutex`.

use super::server::Server;
use crate::apr::{Pool, Status};
use crate::sys;
use std::cell::UnsafeCell;
use std::ffi::CStr;

/// Makes `name` known to the `Mutex` directive (`ap_mutex_register`).
pub fn register(pool: Pool<'_>, name: &'static CStr) -> Status {
    let none = std::ptr::null();
    // SAFETY: the pool is the configuration's; the name is 'static.
    Status(unsafe { sys::ap_mutex_register(pool.as_ptr(), name.as_ptr(), none, sys::APR_LOCK_DEFAULT, 0) })
}

/// A mutex shared by all processes of the server.
pub struct GlobalMutex {
    raw: UnsafeCell<*mut sys::apr_global_mutex_t>,
    name: &'static CStr,
}

// SAFETY: APR's global mutex is made for use by many threads; `reopen` runs before a child has threads.
unsafe impl Sync for GlobalMutex {}
// SAFETY: as above.
unsafe impl Send for GlobalMutex {}

impl GlobalMutex {
    /// Creates it in the configuration pool (`ap_global_mutex_create`).
    ///
    /// # Errors
    /// What httpd gives; it has logged the reason.
    pub fn create(name: &'static CStr, server: Server<'_>, pool: Pool<'_>) -> Result<Self, Status> {
        let mut raw = std::ptr::null_mut();
        // SAFETY: name, server and pool are alive.
        let status = unsafe {
            sys::ap_global_mutex_create(
                &raw mut raw,
                std::ptr::null_mut(),
                name.as_ptr(),
                std::ptr::null(),
                server.as_ptr(),
                pool.as_ptr(),
                0,
            )
        };
        Status(status).ok()?;
        Ok(Self { raw: UnsafeCell::new(raw), name })
    }

    fn raw(&self) -> *mut sys::apr_global_mutex_t {
        // SAFETY: written only by `reopen`, before the child's threads start.
        unsafe { *self.raw.get() }
    }

    /// Opens it anew in a child process (`apr_global_mutex_child_init`).
    ///
    /// # Errors
    /// What APR gives.
    pub fn reopen(&self, pool: Pool<'_>) -> Result<(), Status> {
        // SAFETY: the mutex is alive.
        let file = unsafe { sys::apr_global_mutex_lockfile(self.raw()) };
        // SAFETY: runs in child_init, before the child's threads start.
        Status(unsafe { sys::apr_global_mutex_child_init(self.raw.get(), file, pool.as_ptr()) }).ok()
    }

    /// Runs `body` under the lock; when the lock cannot be had, says so and
    /// does not run it.
    ///
    /// # Errors
    /// The status of the lock that failed.
    pub fn with<R>(&self, body: impl FnOnce() -> R) -> Result<R, Status> {
        struct Unlock(*mut sys::apr_global_mutex_t);
        impl Drop for Unlock {
            fn drop(&mut self) {
                // SAFETY: locked by this thread just before.
                unsafe { sys::apr_global_mutex_unlock(self.0) };
            }
        }
        let raw = self.raw();
        // SAFETY: the mutex is alive.
        Status(unsafe { sys::apr_global_mutex_lock(raw) }).ok()?;
        let unlock = Unlock(raw);
        let result = body();
        drop(unlock);
        Ok(result)
    }

    /// The name for messages.
    #[must_use]
    pub fn name(&self) -> &'static CStr {
        self.name
    }
}
