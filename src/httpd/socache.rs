//! Shared object caches: httpd's socache providers.

use super::request::Request;
use super::server::Server;
use crate::apr::pool::{c_string, text_from};
use crate::apr::{Pool, Status};
use crate::sys;
use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// An instance of a provider.
pub struct SharedCache {
    provider: &'static sys::ap_socache_provider_t,
    instance: NonNull<sys::ap_socache_instance_t>,
}

// SAFETY: providers are called by all threads of a child; those that are not safe for that say so (`needs_mutex`).
unsafe impl Sync for SharedCache {}
// SAFETY: as above.
unsafe impl Send for SharedCache {}

/// Why a cache could not be made.
#[derive(Debug)]
pub enum CreateError {
    /// No provider of that name; the names that there are.
    Unknown(Vec<String>),
    /// The provider does not like its arguments.
    Refused(String),
}

impl SharedCache {
    /// Finds the provider and gives it its arguments.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub fn create(
        name: &str,
        args: Option<&str>,
        temporary: Pool<'_>,
        pool: Pool<'_>,
    ) -> Result<Self, CreateError> {
        let Some(provider) = find(name) else {
            return Err(CreateError::Unknown(known_names(temporary)));
        };
        let args: Option<CString> = args.map(c_string);
        let args_ptr: *const c_char = args.as_deref().map_or(std::ptr::null(), CStr::as_ptr);
        let refused = |text: &str| CreateError::Refused(text.to_owned());
        let create = provider.create.ok_or_else(|| refused("the provider cannot create a cache"))?;
        let mut instance = std::ptr::null_mut();
        // SAFETY: as the provider interface asks: both pools are alive, the instance is an output.
        let complaint = unsafe { create(&raw mut instance, args_ptr, temporary.as_ptr(), pool.as_ptr()) };
        // SAFETY: NULL or text in one of the pools.
        if let Some(complaint) = unsafe { text_from(complaint) } {
            return Err(refused(&complaint.to_string_lossy()));
        }
        let instance = NonNull::new(instance).ok_or_else(|| refused("the provider created nothing"))?;
        Ok(Self { provider, instance })
    }

    /// Prepares the cache for all children (`init`). `object` and `id` are
    /// usual sizes in bytes, `sweep` the usual time between sweeps in µs.
    ///
    /// # Errors
    /// What the provider gives.
    pub fn init(
        &self,
        name: &'static CStr,
        hints: Hints,
        server: Server<'_>,
        pool: Pool<'_>,
    ) -> Result<(), Status> {
        let Some(init) = self.provider.init else { return Ok(()) };
        let hints = sys::ap_socache_hints {
            avg_obj_size: hints.object,
            avg_id_len: hints.id,
            expiry_interval: hints.sweep,
        };
        // SAFETY: the instance is alive; the hints are read during the call.
        Status(unsafe {
            init(self.instance.as_ptr(), name.as_ptr(), &raw const hints, server.as_ptr(), pool.as_ptr())
        })
        .ok()
    }

    /// Whether calls must hold a mutex between processes.
    #[must_use]
    pub fn needs_mutex(&self) -> bool {
        self.provider.flags & sys::AP_SOCACHE_FLAG_NOTMPSAFE != 0
    }

    /// Whether it is in memory or files of this machine: one of httpd's providers for that. Others may wait for somebody
    /// else.
    #[must_use]
    pub fn is_local(&self) -> bool {
        // SAFETY: a provider's name is a constant of its module, or NULL.
        let name = unsafe { text_from(self.provider.name) };
        name.is_some_and(|name| [c"shmcb", c"dbm"].contains(&name))
    }

    /// Stores `data` until `expiry` (µs since 1970).
    ///
    /// # Errors
    /// What the provider gives.
    pub fn store(
        &self,
        server: Server<'_>,
        id: &[u8],
        expiry: i64,
        data: &mut [u8],
        pool: Pool<'_>,
    ) -> Result<(), Status> {
        let Some(store) = self.provider.store else { return Err(Status::ENOTIMPL) };
        let (id_len, len) = (length(id.len())?, length(data.len())?);
        // SAFETY: the instance is alive; id and data are described by their lengths.
        Status(unsafe {
            store(
                self.instance.as_ptr(),
                server.as_ptr(),
                id.as_ptr(),
                id_len,
                expiry,
                data.as_mut_ptr(),
                len,
                pool.as_ptr(),
            )
        })
        .ok()
    }

    /// Reads an object into `buffer` and gives the part that it fills.
    ///
    /// # Errors
    /// What the provider gives; `NOTFOUND` for a miss.
    pub fn retrieve<'b>(
        &self,
        server: Server<'_>,
        id: &[u8],
        buffer: &'b mut [MaybeUninit<u8>],
        pool: Pool<'_>,
    ) -> Result<&'b mut [u8], Status> {
        let Some(retrieve) = self.provider.retrieve else { return Err(Status::ENOTIMPL) };
        let (id_len, mut len) = (length(id.len())?, length(buffer.len())?);
        // SAFETY: the instance is alive; id and buffer are described by their lengths.
        Status(unsafe {
            retrieve(
                self.instance.as_ptr(),
                server.as_ptr(),
                id.as_ptr(),
                id_len,
                buffer.as_mut_ptr().cast(),
                &raw mut len,
                pool.as_ptr(),
            )
        })
        .ok()?;
        let filled = (len as usize).min(buffer.len());
        // SAFETY: a provider that succeeds has written the number of bytes that it gives, which is never above the
        // number that it was given.
        Ok(unsafe { buffer[..filled].assume_init_mut() })
    }

    /// Removes an object.
    ///
    /// # Errors
    /// What the provider gives.
    pub fn remove(&self, server: Server<'_>, id: &[u8], pool: Pool<'_>) -> Result<(), Status> {
        let Some(remove) = self.provider.remove else { return Err(Status::ENOTIMPL) };
        let id_len = length(id.len())?;
        // SAFETY: the instance is alive.
        Status(unsafe { remove(self.instance.as_ptr(), server.as_ptr(), id.as_ptr(), id_len, pool.as_ptr()) })
            .ok()
    }

    /// Prints the provider's figures for mod_status.
    pub fn print_status(&self, request: Request<'_>, flags: c_int) {
        if let Some(status) = self.provider.status {
            // SAFETY: instance and request are alive.
            unsafe { status(self.instance.as_ptr(), request.as_ptr(), flags) }
        }
    }

    /// Ends the cache; the configuration pool goes away.
    pub fn destroy(&self, server: Server<'_>) {
        if let Some(destroy) = self.provider.destroy {
            // SAFETY: called once, from the cleanup of the configuration.
            unsafe { destroy(self.instance.as_ptr(), server.as_ptr()) }
        }
    }
}

/// Sizes and times that help a provider lay itself out.
#[derive(Clone, Copy, Debug)]
pub struct Hints {
    /// Usual size of an object in bytes.
    pub object: usize,
    /// Usual size of an id in bytes.
    pub id: usize,
    /// Usual time between sweeps in microseconds.
    pub sweep: i64,
}

fn length(len: usize) -> Result<u32, Status> {
    u32::try_from(len).map_err(|_| Status::EGENERAL)
}

fn find(name: &str) -> Option<&'static sys::ap_socache_provider_t> {
    let name = c_string(name);
    let (group, version) = (sys::AP_SOCACHE_PROVIDER_GROUP, sys::AP_SOCACHE_PROVIDER_VERSION);
    // SAFETY: looks the names up.
    let provider =
        unsafe { sys::ap_lookup_provider(group.as_ptr().cast(), name.as_ptr(), version.as_ptr().cast()) };
    // SAFETY: a provider of this group is a static record of a loaded module.
    unsafe { provider.cast::<sys::ap_socache_provider_t>().as_ref() }
}

fn known_names(pool: Pool<'_>) -> Vec<String> {
    let (group, version) = (sys::AP_SOCACHE_PROVIDER_GROUP, sys::AP_SOCACHE_PROVIDER_VERSION);
    // SAFETY: looks the group up; the pool is alive.
    let list =
        unsafe { sys::ap_list_provider_names(pool.as_ptr(), group.as_ptr().cast(), version.as_ptr().cast()) };
    // SAFETY: an array in the pool, or NULL.
    let Some(list) = (unsafe { list.as_ref() }) else { return Vec::new() };
    let entries: *const sys::ap_list_provider_names_t = list.elts.cast();
    (0..usize::try_from(list.nelts).unwrap_or(0))
        .filter_map(|index| {
            // SAFETY: index is below the number of entries.
            let entry = unsafe { entries.add(index) };
            // SAFETY: as above.
            let entry = unsafe { &*entry };
            // SAFETY: names live as long as the providers.
            unsafe { text_from(entry.provider_name) }
        })
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}
