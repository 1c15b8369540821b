//! Blocks of bytes that can become heap buckets without a copy.
//!
//! They come from malloc, not from the connection's pool, because what a pool
//! or a bucket allocator once held it keeps: an idle connection must not.
//! Large blocks go back to a small free list of the process, since fresh pages
//! from the kernel would cost more than the encryption that fills them.

use crate::guard;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Mutex;

/// Blocks of exactly this capacity are kept for reuse.
pub const LARGE: usize = 288 * 1024;
/// How many idle large blocks a process keeps (about 2 MB).
const KEPT: usize = 8;

static FREE: Mutex<Vec<Large>> = Mutex::new(Vec::new());

struct Large(NonNull<u8>);

// SAFETY: an idle block is owned by the list alone; malloc memory has no thread.
unsafe impl Send for Large {}

/// An owned buffer that grows up to its capacity.
pub struct Block {
    start: NonNull<u8>,
    capacity: usize,
    len: usize,
}

impl Block {
    /// A block for `capacity` bytes; from the free list when it is large.
    /// A capacity above [`LARGE`] is cut to it.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(64);
        if capacity > LARGE / 2 {
            return Self::large();
        }
        Self { start: allocate(capacity), capacity, len: 0 }
    }

    fn large() -> Self {
        let idle = FREE.lock().ok().and_then(|mut free| free.pop());
        let start = idle.map_or_else(|| allocate(LARGE), |block| block.0);
        Self { start, capacity: LARGE, len: 0 }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that still fit.
    #[must_use]
    pub fn room(&self) -> usize {
        self.capacity - self.len
    }

    /// What was written.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the first `len` bytes were written (invariant of `advance` and `append`).
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// The part not written yet.
    pub fn spare(&mut self) -> &mut [MaybeUninit<u8>] {
        let room = self.room();
        // SAFETY: `len <= capacity`, so the offset stays inside the allocation.
        let spare = unsafe { self.start.as_ptr().add(self.len) };
        // SAFETY: `room` bytes from there belong to this block, and may be uninitialised.
        unsafe { std::slice::from_raw_parts_mut(spare.cast(), room) }
    }

    /// Counts `written` bytes of [`Block::spare`] as written.
    ///
    /// # Safety
    /// The first `written` bytes of the spare part were initialised.
    pub unsafe fn advance(&mut self, written: usize) {
        debug_assert!(written <= self.room());
        self.len += written.min(self.room());
    }

    /// Writes what fits of `bytes` and gives the number of bytes taken.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room());
        let (from, spare) = (bytes.as_ptr(), self.spare());
        // SAFETY: `taken` bytes are readable at `from` and writable in the spare part; a block of our own does not overlap.
        unsafe { std::ptr::copy_nonoverlapping(from, spare.as_mut_ptr().cast(), taken) };
        self.len += taken;
        taken
    }

    /// Lets `fill` write into the spare part; it returns how much it wrote.
    pub fn fill<E>(
        &mut self,
        limit: usize,
        fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let limit = limit.min(self.room());
        let written = fill(&mut self.spare()[..limit])?.min(limit);
        self.len += written;
        Ok(written)
    }

    /// Drops the first `count` bytes; the rest moves to the start.
    pub fn drop_front(&mut self, count: usize) {
        let count = count.min(self.len);
        let start = self.start.as_ptr();
        // SAFETY: `count` is at most `len`, so the offset stays inside the written part.
        let rest = unsafe { start.add(count) };
        // SAFETY: `len - count` bytes are readable there and writable at the start; `copy` allows the overlap.
        unsafe { std::ptr::copy(rest, start, self.len - count) };
        self.len -= count;
    }

    /// Forgets what was written.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Gives the memory away: start, length and the function that frees it.
    pub(super) fn into_raw(self) -> (*mut u8, usize, unsafe extern "C" fn(*mut c_void)) {
        let free = if self.capacity == LARGE { free_large } else { free_small };
        let parts = (self.start.as_ptr(), self.len, free as unsafe extern "C" fn(*mut c_void));
        std::mem::forget(self);
        parts
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let free = if self.capacity == LARGE { free_large } else { free_small };
        // SAFETY: the block owns its memory, which came from `allocate` with this capacity class.
        unsafe { free(self.start.as_ptr().cast()) }
    }
}

// SAFETY: a block owns plain memory.
unsafe impl Send for Block {}

fn allocate(capacity: usize) -> NonNull<u8> {
    // SAFETY: malloc has no precondition.
    let start = unsafe { libc::malloc(capacity) };
    match NonNull::new(start.cast()) {
        Some(start) => start,
        // httpd itself aborts when memory is out (ap_abort_on_oom).
        None => std::process::abort(),
    }
}

unsafe extern "C" fn free_small(start: *mut c_void) {
    // SAFETY: came from malloc in `allocate` and is freed once, by its only owner.
    unsafe { libc::free(start) }
}

unsafe extern "C" fn free_large(start: *mut c_void) {
    guard::catch("free_large", (), || {
        let Some(block) = NonNull::new(start.cast()) else { return };
        if let Ok(mut free) = FREE.lock()
            && free.len() < KEPT
        {
            free.push(Large(block));
            return;
        }
        // SAFETY: came from malloc in `allocate` and is freed once, by its only owner.
        unsafe { libc::free(start) }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_up_to_its_capacity() {
        let mut block = Block::new(64);
        assert_eq!(block.append(&[7; 60]), 60);
        assert_eq!(block.append(&[8; 60]), 4);
        assert_eq!(block.append(&[9]), 0);
        assert_eq!(block.as_slice()[59..], [7, 8, 8, 8, 8]);
    }

    #[test]
    fn a_large_block_is_used_again() {
        let mut first = Block::new(LARGE);
        first.append(b"x");
        let address = first.as_slice().as_ptr();
        drop(first);
        // Other tests may take it in between, so only the emptiness is certain.
        let second = Block::new(LARGE);
        assert!(second.is_empty());
        assert_eq!(second.room(), LARGE);
        let _ = address;
    }

    #[test]
    fn fill_never_counts_more_than_the_limit() {
        let mut block = Block::new(64);
        let written = block.fill(10, |spare| {
            spare.fill(MaybeUninit::new(1));
            Ok::<_, ()>(50)
        });
        assert_eq!(written, Ok(10));
        assert_eq!(block.len(), 10);
    }
}
