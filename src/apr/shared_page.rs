//! A small state that all processes of the server share, and that outlives restarts.
//!
//! It is memory that was mapped shared and anonymous by the parent before it forked, and is never unmapped: children
//! of all generations have it at the same address, and no file or other process leads to it. APR's shared memory
//! would do the same, but belongs to a pool that a restart clears.
//!
//! There are two copies of the state, one of which is current. A writer prepares the next state on its own, then takes
//! a mutex for the time of copying it to the other place; one that finds the mutex taken gives up, as somebody else
//! does its work. If a process dies while it has the mutex, the next one gets it, and the current copy is whole. Readers
//! take no lock.
//!
//! Why a reader never takes a mixture for a state: it looks at the generation, copies the words, and looks again.
//!
//! - It copies the words of generation g, or newer ones: its first look acquires what the store of g released.
//! - A word in that copy that is not of g was put there by the change to g + 1, which erases it, or by a later change to
//!   this copy, g + 2 or further. Each of those stores follows a release fence of its writer, and that one follows the
//!   store of g + 1: the eraser's own, or one of a writer before it, whose unlocking of the mutex happened before this
//!   writer took it. The reader's acquire fence follows its load of that word. So the fences synchronise, the store of
//!   g + 1 happened before the second look, and that cannot give g any more.
//! - Generations only grow, and 64 bits of them do not come round.

use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// The mapping.
#[repr(C)]
struct Mapped<const WORDS: usize> {
    mutex: libc::pthread_mutex_t,
    /// Counts the changes; its lowest bit says which copy is current.
    generation: AtomicU64,
    copies: [[AtomicU64; WORDS]; 2],
}

/// A state of `WORDS` numbers.
pub struct SharedPage<const WORDS: usize>(NonNull<Mapped<WORDS>>);

// SAFETY: the mapping lives as long as the process, and its parts are atomics and a mutex between processes.
unsafe impl<const WORDS: usize> Send for SharedPage<WORDS> {}
// SAFETY: as above.
unsafe impl<const WORDS: usize> Sync for SharedPage<WORDS> {}

impl<const WORDS: usize> SharedPage<WORDS> {
    /// A state of zeros, of generation 0. It is for the life of the process: nothing unmaps it.
    ///
    /// # Errors
    /// `mmap` or the mutex.
    pub fn new() -> std::io::Result<Self> {
        let size = size_of::<Mapped<WORDS>>();
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: asks for new memory, which is zeroed.
        let memory = unsafe { libc::mmap(ptr::null_mut(), size, access, kind, -1, 0) };
        if memory == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        let mapped = NonNull::new(memory.cast()).ok_or(std::io::ErrorKind::OutOfMemory)?;
        keep_to_ourselves(memory, size);
        let page = Self(mapped);
        page.make_mutex()?;
        Ok(page)
    }

    fn make_mutex(&self) -> std::io::Result<()> {
        let check = |code: libc::c_int| match code {
            0 => Ok(()),
            code => Err(std::io::Error::from_raw_os_error(code)),
        };
        let mut attributes = MaybeUninit::uninit();
        let place = attributes.as_mut_ptr();
        // SAFETY: fills the place.
        check(unsafe { libc::pthread_mutexattr_init(place) })?;
        // SAFETY: the attributes were initialised just before; so for the next call.
        check(unsafe { libc::pthread_mutexattr_setpshared(place, libc::PTHREAD_PROCESS_SHARED) })?;
        // SAFETY: as above.
        check(unsafe { libc::pthread_mutexattr_setrobust(place, libc::PTHREAD_MUTEX_ROBUST) })?;
        // SAFETY: the memory was mapped just before, and nobody else knows it.
        check(unsafe { libc::pthread_mutex_init(self.mutex(), place) })
    }

    fn mutex(&self) -> *mut libc::pthread_mutex_t {
        // SAFETY: the mapping is never unmapped.
        unsafe { &raw mut (*self.0.as_ptr()).mutex }
    }

    fn generation_word(&self) -> &AtomicU64 {
        // SAFETY: as above, and an atomic may be shared.
        unsafe { &(*self.0.as_ptr()).generation }
    }

    fn copy(&self, generation: u64) -> &[AtomicU64; WORDS] {
        // SAFETY: as above.
        let copies = unsafe { &(*self.0.as_ptr()).copies };
        &copies[usize::from(generation & 1 == 1)]
    }

    /// Copies the beginning of the current state and gives its generation; 0 means that there was no change yet.
    pub fn read(&self, into: &mut [u64]) -> u64 {
        loop {
            let generation = self.generation_word().load(Ordering::Acquire);
            for (word, shared) in into.iter_mut().zip(self.copy(generation)) {
                *word = shared.load(Ordering::Relaxed);
            }
            // Whatever was seen of a later change, the generation tells of it from here on.
            fence(Ordering::Acquire);
            // Otherwise the copy may have been changed meanwhile.
            if self.generation_word().load(Ordering::Relaxed) == generation {
                return generation;
            }
        }
    }

    /// Makes `words` the current state, if that is still the one of generation `seen` and nobody else changes it just
    /// now; says whether it did. What it replaces is erased.
    pub fn replace(&self, seen: u64, words: &[u64; WORDS]) -> bool {
        let Some(_lock) = Lock::try_take(self.mutex()) else { return false };
        if self.generation_word().load(Ordering::Relaxed) != seen {
            return false;
        }
        let next = seen.wrapping_add(1);
        // Whoever sees a word of what follows sees that the generation before `seen`, whose copy it replaces, is over.
        fence(Ordering::Release);
        for (shared, word) in self.copy(next).iter().zip(words) {
            shared.store(*word, Ordering::Relaxed);
        }
        self.generation_word().store(next, Ordering::Release);
        // Whoever sees a word erased sees that `seen` is over.
        fence(Ordering::Release);
        for shared in self.copy(seen) {
            shared.store(0, Ordering::Relaxed);
        }
        true
    }
}

/// Secrets may be in there: not for the swap space nor for core dumps. Where the system does not allow that, it is
/// memory like any other.
fn keep_to_ourselves(memory: *mut libc::c_void, size: usize) {
    // SAFETY: concerns the memory that was mapped just before.
    unsafe { libc::mlock(memory, size) };
    #[cfg(target_os = "linux")]
    // SAFETY: as above.
    unsafe {
        libc::madvise(memory, size, libc::MADV_DONTDUMP)
    };
}

/// The mutex, while this thread has it.
struct Lock(*mut libc::pthread_mutex_t);

impl Lock {
    fn try_take(mutex: *mut libc::pthread_mutex_t) -> Option<Self> {
        // SAFETY: an initialised mutex in memory that is never unmapped; so for the calls below.
        match unsafe { libc::pthread_mutex_trylock(mutex) } {
            0 => Some(Self(mutex)),
            libc::EOWNERDEAD => {
                // SAFETY: as above; it is ours, and what it protects has a whole copy at any time.
                unsafe { libc::pthread_mutex_consistent(mutex) };
                Some(Self(mutex))
            }
            _ => None,
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // SAFETY: as above; this thread has it.
        unsafe { libc::pthread_mutex_unlock(self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn only_the_first_of_two_changes_counts() {
        let page = SharedPage::<3>::new().unwrap();
        let mut words = [9; 3];
        assert_eq!((page.read(&mut words), words), (0, [0; 3]));
        assert!(page.replace(0, &[1, 2, 3]));
        assert!(!page.replace(0, &[7, 7, 7]));
        assert_eq!((page.read(&mut words), words), (1, [1, 2, 3]));
        let mut two = [0; 2];
        assert_eq!((page.read(&mut two), two), (1, [1, 2]));
        assert!(page.copy(0).iter().all(|word| word.load(Ordering::Relaxed) == 0), "the old one is erased");
        assert!(page.replace(1, &[4, 5, 6]));
        assert_eq!((page.read(&mut words), words), (2, [4, 5, 6]));
    }

    #[test]
    fn readers_see_whole_states() {
        const CHANGES: u64 = 5_000;
        let page = SharedPage::<64>::new().unwrap();
        thread::scope(|scope| {
            // Two that write, and two that only read: all of it, or its beginning.
            for (length, writes) in [(64, true), (64, true), (64, false), (3, false)] {
                let page = &page;
                scope.spawn(move || {
                    let mut words = vec![0; length];
                    let mut last = 0;
                    while last < CHANGES {
                        let generation = page.read(&mut words);
                        assert!(words.iter().all(|word| *word == generation), "{generation}: {words:?}");
                        assert!(generation >= last, "{generation} after {last}");
                        last = generation;
                        if writes {
                            page.replace(generation, &[generation + 1; 64]);
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn who_dies_with_the_lock_stops_nobody() {
        let page = SharedPage::<2>::new().unwrap();
        assert!(page.replace(0, &[1, 1]));
        thread::scope(|scope| {
            scope.spawn(|| std::mem::forget(Lock::try_take(page.mutex()))).join().unwrap();
        });
        assert!(page.replace(1, &[2, 2]));
        let mut words = [0; 2];
        assert_eq!((page.read(&mut words), words), (2, [2, 2]));
    }
}
