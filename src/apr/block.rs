//! Blocks of bytes that can become heap buckets without a copy.
//!
//! They come from malloc, not from the connection's pool, because what a pool
//! or a bucket allocator once held it keeps: an idle connection must not. The
//! usual sizes go through short free lists, of a thread for small ones and of
//! the process for large ones: malloc tidies up its heap at each request of
//! such a size, and fresh pages from the kernel would cost more than the
//! encryption that fills them.

use crate::guard;
use std::cell::RefCell;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Mutex;

/// A small response or request.
const SMALL: usize = 4 * 1024;
/// A full record with its overhead.
const MEDIUM: usize = 18 * 1024;
/// Four records with their overhead: what is passed through.
pub const WIDE: usize = 68 * 1024;
/// Many records.
pub const LARGE: usize = 288 * 1024;
/// How many idle blocks of each of these sizes a thread keeps (at most 104 KB).
const KEPT_BY_THREAD: usize = 4;
/// How many idle large blocks the process keeps (at most 2.3 MB).
const KEPT_BY_PROCESS: usize = 8;
/// How many idle wide ones (at most 1.1 MB).
const WIDE_KEPT_BY_PROCESS: usize = 16;

static LARGE_FREE: Mutex<FreeList> = Mutex::new(FreeList(Vec::new()));
static WIDE_FREE: Mutex<FreeList> = Mutex::new(FreeList(Vec::new()));

thread_local! {
    static SMALL_FREE: RefCell<FreeList> = const { RefCell::new(FreeList(Vec::new())) };
    static MEDIUM_FREE: RefCell<FreeList> = const { RefCell::new(FreeList(Vec::new())) };
}

/// Idle blocks of one size.
struct FreeList(Vec<NonNull<u8>>);

// SAFETY: an idle block is owned by its list alone; malloc memory has no thread.
unsafe impl Send for FreeList {}

impl FreeList {
    /// Takes the block unless there are `limit` already.
    fn put(&mut self, block: NonNull<u8>, limit: usize) -> bool {
        let room = self.0.len() < limit;
        if room {
            self.0.push(block);
        }
        room
    }
}

impl Drop for FreeList {
    fn drop(&mut self) {
        for block in self.0.drain(..) {
            // SAFETY: the list owns its blocks, which came from malloc.
            unsafe { libc::free(block.as_ptr().cast()) }
        }
    }
}

/// An owned buffer that grows up to its capacity.
pub struct Block {
    start: NonNull<u8>,
    capacity: usize,
    len: usize,
}

impl Block {
    /// A block for at least `capacity` bytes, or for [`LARGE`] if that is less.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let (capacity, idle) = match capacity {
            0..=SMALL => (SMALL, SMALL_FREE.try_with(take).ok().flatten()),
            _ if capacity <= MEDIUM => (MEDIUM, MEDIUM_FREE.try_with(take).ok().flatten()),
            _ if capacity <= WIDE => (WIDE, WIDE_FREE.lock().ok().and_then(|mut free| free.0.pop())),
            capacity if capacity <= LARGE / 2 => (capacity, None),
            _ => (LARGE, LARGE_FREE.lock().ok().and_then(|mut free| free.0.pop())),
        };
        Self { start: idle.unwrap_or_else(|| allocate(capacity)), capacity, len: 0 }
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

    /// The same bytes in memory of just their size, if this block is much
    /// larger.
    #[must_use]
    pub fn shrunk(self) -> Self {
        if self.len >= self.capacity / 4 {
            return self;
        }
        let capacity = self.len.max(16);
        let mut small = Self { start: allocate(capacity), capacity, len: 0 };
        small.append(self.as_slice());
        small
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

    /// The function that frees memory of this size.
    fn free(&self) -> unsafe extern "C" fn(*mut c_void) {
        match self.capacity {
            SMALL => free_small,
            MEDIUM => free_medium,
            WIDE => free_wide,
            LARGE => free_large,
            _ => free_other,
        }
    }

    /// Gives the memory away: start, length and the function that frees it.
    pub(super) fn into_raw(self) -> (*mut u8, usize, unsafe extern "C" fn(*mut c_void)) {
        let parts = (self.start.as_ptr(), self.len, self.free());
        std::mem::forget(self);
        parts
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let free = self.free();
        // SAFETY: the block owns its memory, and this is the function for its size.
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

fn take(free: &RefCell<FreeList>) -> Option<NonNull<u8>> {
    free.borrow_mut().0.pop()
}

/// Frees a block that no list has taken.
fn release(start: *mut c_void, keep: impl FnOnce(NonNull<u8>) -> bool) {
    if NonNull::new(start.cast()).is_some_and(keep) {
        return;
    }
    // SAFETY: came from malloc in `allocate` and is freed once, by its only owner.
    unsafe { libc::free(start) }
}

unsafe extern "C" fn free_small(start: *mut c_void) {
    // While a thread ends it has no list any more.
    let keep =
        |block| SMALL_FREE.try_with(|free| free.borrow_mut().put(block, KEPT_BY_THREAD)).unwrap_or(false);
    guard::catch("free_small", (), || release(start, keep));
}

unsafe extern "C" fn free_medium(start: *mut c_void) {
    let keep =
        |block| MEDIUM_FREE.try_with(|free| free.borrow_mut().put(block, KEPT_BY_THREAD)).unwrap_or(false);
    guard::catch("free_medium", (), || release(start, keep));
}

unsafe extern "C" fn free_wide(start: *mut c_void) {
    let keep = |block| WIDE_FREE.lock().is_ok_and(|mut free| free.put(block, WIDE_KEPT_BY_PROCESS));
    guard::catch("free_wide", (), || release(start, keep));
}

unsafe extern "C" fn free_large(start: *mut c_void) {
    let keep = |block| LARGE_FREE.lock().is_ok_and(|mut free| free.put(block, KEPT_BY_PROCESS));
    guard::catch("free_large", (), || release(start, keep));
}

unsafe extern "C" fn free_other(start: *mut c_void) {
    guard::catch("free_other", (), || release(start, |_| false));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_up_to_its_capacity() {
        let mut block = Block::new(1);
        assert_eq!(block.append(&[7; SMALL - 4]), SMALL - 4);
        assert_eq!(block.append(&[8; 60]), 4);
        assert_eq!(block.append(&[9]), 0);
        assert_eq!(block.as_slice()[SMALL - 5..], [7, 8, 8, 8, 8]);
        block.drop_front(SMALL - 3);
        assert_eq!(block.as_slice(), [8, 8, 8]);
    }

    #[test]
    fn sizes_are_rounded_up() {
        for (wanted, room) in [
            (0, SMALL),
            (SMALL, SMALL),
            (SMALL + 1, MEDIUM),
            (MEDIUM + 1, WIDE),
            (WIDE + 1, WIDE + 1),
            (LARGE / 2 + 1, LARGE),
            (LARGE * 2, LARGE),
        ] {
            assert_eq!(Block::new(wanted).room(), room, "{wanted}");
        }
    }

    #[test]
    fn a_thread_uses_its_blocks_again() {
        for size in [SMALL, MEDIUM] {
            let mut first = Block::new(size);
            first.append(b"x");
            let address = first.as_slice().as_ptr();
            drop(first);
            let mut second = Block::new(size);
            assert!(second.is_empty());
            second.append(b"y");
            assert_eq!(second.as_slice().as_ptr(), address);
        }
    }

    #[test]
    fn few_bytes_do_not_keep_a_large_block() {
        let mut block = Block::new(MEDIUM);
        block.append(b"abc");
        let block = block.shrunk();
        assert_eq!((block.as_slice(), block.room()), (&b"abc"[..], 13));
        let mut full = Block::new(SMALL);
        full.append(&[1; SMALL / 4]);
        assert_eq!(full.shrunk().room(), SMALL - SMALL / 4);
    }

    #[test]
    fn lists_are_bounded() {
        let blocks: Vec<_> = (0..KEPT_BY_THREAD + 3).map(|_| Block::new(SMALL)).collect();
        drop(blocks);
        assert_eq!(SMALL_FREE.with(|free| free.borrow().0.len()), KEPT_BY_THREAD);
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
