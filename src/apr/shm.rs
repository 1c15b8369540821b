//! Memory that a process shares with those it forks.

use std::io;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

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

    #[test]
    fn a_forked_process_sees_and_changes_it() {
        let shared = SharedWords::new(1000).unwrap();
        assert!(shared.words().iter().all(|word| word.load(Ordering::Relaxed) == 0));
        shared.words()[999].store(5, Ordering::Relaxed);
        // SAFETY: the child calls nothing but store and _exit.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let word = &shared.words()[999];
            word.store(word.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) };
        }
        let mut status = 1;
        // SAFETY: waits for the child made above.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!((status, shared.words()[999].load(Ordering::Relaxed)), (0, 6));
    }
}
