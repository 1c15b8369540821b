//! Memory that all processes of the server share.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What may live there.
///
/// # Safety
/// Zero bytes are a valid value, and it changes by atomic operations alone.
pub unsafe trait Shareable: Sync {}

/// A value of zero bytes, which this process and all that it forks from now on see together. It is never given back:
/// APR's shared memory would end with a pool while threads may still write to it.
#[must_use]
pub fn zeroed<T: Shareable>() -> Option<&'static T> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    // SAFETY: asks for new pages, which replace nothing.
    let place = unsafe { libc::mmap(ptr::null_mut(), size_of::<T>(), access, flags, -1, 0) };
    let place = NonNull::new(place).filter(|place| place.as_ptr() != libc::MAP_FAILED)?.cast::<T>();
    // SAFETY: the pages are large enough, zeroed, aligned to a page and never unmapped; `Shareable` promises the rest.
    Some(unsafe { place.as_ref() })
}

/// Words that all processes forked later see as well, zero at first.
pub struct SharedWords {
    start: NonNull<AtomicU64>,
    len: usize,
}

// SAFETY: atomics may be used by any thread; the mapping goes with its owner.
unsafe impl Send for SharedWords {}
// SAFETY: as above.
unsafe impl Sync for SharedWords {}

impl SharedWords {
    /// Maps memory of that many words (`mmap`, anonymous and shared). Pages are taken when they are written to.
    ///
    /// # Errors
    /// The system's reason.
    pub fn new(len: usize) -> io::Result<Arc<Self>> {
        let bytes = len.max(1).checked_mul(size_of::<AtomicU64>()).ok_or(io::ErrorKind::OutOfMemory)?;
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address of the system's choice.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Arc::new(Self { start, len }))
    }

    /// The words.
    #[must_use]
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping has that many words, aligned to pages, and lives as long as this value; the system
        // fills it with zeros, and nobody writes there but through atomics.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for SharedWords {
    fn drop(&mut self) {
        let bytes = self.len.max(1) * size_of::<AtomicU64>();
        // SAFETY: made by mmap with this length; nobody borrows from it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    struct Two([AtomicU64; 2]);

    // SAFETY: atomics of zero bytes are zero.
    unsafe impl Shareable for Two {}

    #[test]
    fn a_forked_process_writes_to_the_same_memory() {
        let two = zeroed::<Two>().unwrap();
        two.0[0].store(1, Ordering::Relaxed);
        // SAFETY: the child calls nothing but functions that are allowed behind fork.
        let child = unsafe { libc::fork() };
        if child == 0 {
            two.0[1].store(two.0[0].load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(0) };
        }
        let mut status = 0;
        // SAFETY: waits for a child of ours; the place is ours.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!((status, two.0[1].load(Ordering::Relaxed)), (0, 2));
    }

    #[test]
    fn words_are_zero_at_first() {
        for len in [0, 1, 1000] {
            let shared = SharedWords::new(len).unwrap();
            assert_eq!(shared.words().len(), len);
            assert!(shared.words().iter().all(|word| word.swap(5, Ordering::Relaxed) == 0));
        }
        assert!(SharedWords::new(usize::MAX).is_err());
    }
}
