//! Memory that all processes of the server share.

use std::ptr::{self, NonNull};

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

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
}
