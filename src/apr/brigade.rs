//! Bucket brigades.

use super::block::Block;
use super::pool::{Pool, bytes_from};
use super::status::Status;
use crate::sys;
use std::ffi::{c_char, c_void};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::ptr::NonNull;

/// The allocator of a connection's buckets.
#[derive(Clone, Copy)]
pub struct BucketAlloc<'c> {
    raw: NonNull<sys::apr_bucket_alloc_t>,
    life: PhantomData<&'c ()>,
}

impl BucketAlloc<'_> {
    /// # Safety
    /// `raw` is NULL or an allocator that lives as long as the handle is used.
    #[must_use]
    pub unsafe fn from_raw(raw: *mut sys::apr_bucket_alloc_t) -> Option<Self> {
        Some(Self { raw: NonNull::new(raw)?, life: PhantomData })
    }
}

/// What a bucket is, as far as a connection filter cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes of any kind but a file.
    Data,
    /// A part of a file.
    File,
    /// Everything before must reach the network.
    Flush,
    /// End of a stream (a response, or the connection's input).
    EndOfStream,
    /// End of request: destroying it logs the request and frees its pool.
    EndOfRequest,
    /// End of connection: the time for close_notify.
    EndOfConnection,
    /// Metadata of another module.
    OtherMetadata,
}

/// A part of an open file.
#[derive(Clone, Copy, Debug)]
pub struct FileSpan {
    fd: RawFd,
    start: i64,
    /// Bytes from the start of the span.
    pub len: usize,
}

impl FileSpan {
    /// Reads up to `into.len()` bytes at the start of the span, without moving
    /// the file's own position: the descriptor may be shared (`pread`).
    ///
    /// # Errors
    /// The system's error; `Status::EOF` when the file is shorter than it was.
    pub fn read(&self, into: &mut [MaybeUninit<u8>]) -> Result<usize, Status> {
        let wanted = into.len().min(self.len);
        loop {
            // SAFETY: `wanted` bytes of `into` are writable; the descriptor belongs to the bucket at the brigade's front.
            let got = unsafe { libc::pread(self.fd, into.as_mut_ptr().cast(), wanted, self.start) };
            match usize::try_from(got) {
                Ok(0) => return Err(Status::EOF),
                Ok(got) => return Ok(got),
                Err(_) => {
                    let error = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
                    if error != libc::EINTR {
                        return Err(Status(error));
                    }
                }
            }
        }
    }
}

/// A bucket outside any brigade; destroyed when dropped.
pub struct Bucket(NonNull<sys::apr_bucket>);

impl Bucket {
    fn from_new(raw: *mut sys::apr_bucket) -> Self {
        match NonNull::new(raw) {
            Some(raw) => Self(raw),
            // The bucket allocator aborts when memory is out (httpd sets that up).
            None => std::process::abort(),
        }
    }

    /// A FLUSH bucket.
    #[must_use]
    pub fn flush(alloc: BucketAlloc<'_>) -> Self {
        // SAFETY: the allocator is alive.
        Self::from_new(unsafe { sys::apr_bucket_flush_create(alloc.raw.as_ptr()) })
    }

    /// An EOS bucket.
    #[must_use]
    pub fn eos(alloc: BucketAlloc<'_>) -> Self {
        // SAFETY: the allocator is alive.
        Self::from_new(unsafe { sys::apr_bucket_eos_create(alloc.raw.as_ptr()) })
    }

    /// A bucket over bytes that live as long as the program.
    #[must_use]
    pub fn immortal(bytes: &'static [u8], alloc: BucketAlloc<'_>) -> Self {
        // SAFETY: the bytes are 'static; the allocator is alive.
        Self::from_new(unsafe {
            sys::apr_bucket_immortal_create(bytes.as_ptr().cast(), bytes.len(), alloc.raw.as_ptr())
        })
    }

    /// A heap bucket that owns `block`: nothing is copied, now or when the
    /// bucket is set aside.
    #[must_use]
    pub fn from_block(block: Block, alloc: BucketAlloc<'_>) -> Self {
        let (start, len, free) = block.into_raw();
        // SAFETY: the block gave up its memory, and `free` is what releases it.
        Self::from_new(unsafe {
            sys::apr_bucket_heap_create(start.cast(), len, Some(free), alloc.raw.as_ptr())
        })
    }
}

/// Where the first line feed is.
fn line_feed(bytes: &[u8]) -> Option<usize> {
    // SAFETY: the C library looks at so many bytes of a slice that is there.
    let found = unsafe { libc::memchr(bytes.as_ptr().cast(), i32::from(b'\n'), bytes.len()) };
    (!found.is_null()).then(|| found.addr() - bytes.as_ptr().addr())
}

impl Drop for Bucket {
    fn drop(&mut self) {
        // SAFETY: the bucket is in no brigade (type invariant) and is destroyed once.
        unsafe { sys::shim_bucket_destroy(self.0.as_ptr()) }
    }
}

/// A brigade that lives at least as long as `'b`.
pub struct Brigade<'b> {
    raw: NonNull<sys::apr_bucket_brigade>,
    life: PhantomData<&'b mut ()>,
}

impl<'b> Brigade<'b> {
    /// # Safety
    /// `raw` is NULL or a brigade that lives during `'b`, and no other handle
    /// on it is used meanwhile.
    #[must_use]
    pub unsafe fn from_raw(raw: *mut sys::apr_bucket_brigade) -> Option<Self> {
        Some(Self { raw: NonNull::new(raw)?, life: PhantomData })
    }

    /// A new brigade in `pool`.
    #[must_use]
    pub fn new(pool: Pool<'b>, alloc: BucketAlloc<'b>) -> Option<Self> {
        // SAFETY: pool and allocator are alive during 'b.
        let raw = unsafe { sys::apr_brigade_create(pool.as_ptr(), alloc.raw.as_ptr()) };
        // SAFETY: just made; nobody else knows it.
        unsafe { Self::from_raw(raw) }
    }

    /// The brigade for a call into httpd.
    #[must_use]
    pub fn as_ptr(&self) -> *mut sys::apr_bucket_brigade {
        self.raw.as_ptr()
    }

    /// Whether it holds no bucket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        // SAFETY: the brigade is alive (type invariant).
        unsafe { sys::shim_brigade_empty(self.as_ptr()) != 0 }
    }

    /// Destroys all buckets.
    pub fn clear(&mut self) {
        // SAFETY: the brigade is alive; cleanup empties it and keeps it usable.
        unsafe { sys::apr_brigade_cleanup(self.as_ptr().cast()) };
    }

    /// Appends a bucket.
    pub fn push(&mut self, bucket: Bucket) {
        let raw = bucket.0;
        std::mem::forget(bucket);
        // SAFETY: the bucket is in no brigade; the brigade owns it from now on.
        unsafe { sys::shim_brigade_insert_tail(self.as_ptr(), raw.as_ptr()) }
    }

    /// Puts a bucket in front of all others.
    pub fn push_front(&mut self, bucket: Bucket) {
        let raw = bucket.0;
        std::mem::forget(bucket);
        // SAFETY: the bucket is in no brigade; the brigade owns it from now on.
        unsafe { sys::shim_brigade_insert_head(self.as_ptr(), raw.as_ptr()) }
    }

    /// Moves all buckets of `other` to the end of this brigade.
    pub fn append(&mut self, other: &mut Brigade<'_>) {
        // SAFETY: both brigades are alive and, as two exclusive handles, distinct.
        unsafe { sys::shim_brigade_concat(self.as_ptr(), other.as_ptr()) }
    }

    /// The first bucket.
    pub fn front(&mut self) -> Option<Front<'_>> {
        if self.is_empty() {
            return None;
        }
        // SAFETY: the brigade is not empty.
        let raw = unsafe { sys::shim_brigade_first(self.as_ptr()) };
        Some(Front { raw: NonNull::new(raw)?, life: PhantomData })
    }

    /// Takes the first bucket out.
    pub fn pop(&mut self) -> Option<Bucket> {
        let front = self.front()?.raw;
        // SAFETY: the bucket is in this brigade; afterwards it is in none.
        unsafe { sys::shim_bucket_remove(front.as_ptr()) };
        Some(Bucket(front))
    }

    /// All buckets, in order; none of them is removed meanwhile.
    fn buckets(&self) -> impl Iterator<Item = *mut sys::apr_bucket> {
        // SAFETY: the brigade is alive.
        let end = unsafe { sys::shim_brigade_sentinel(self.as_ptr()) };
        // SAFETY: the brigade is alive; the first element may be the sentinel.
        let mut at = unsafe { sys::shim_brigade_first(self.as_ptr()) };
        std::iter::from_fn(move || {
            if at == end {
                return None;
            }
            let bucket = at;
            // SAFETY: `at` is a bucket of this brigade, which is borrowed meanwhile.
            at = unsafe { sys::shim_bucket_next(at) };
            Some(bucket)
        })
    }

    /// The kinds of all buckets, in order.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.buckets().map(|bucket| kind_of(bucket))
    }

    /// The kinds and lengths of all buckets, in order; `None`: it is not known.
    pub fn pieces(&self) -> impl Iterator<Item = (Kind, Option<usize>)> {
        self.buckets().map(|bucket| {
            // SAFETY: a bucket of this brigade, which is borrowed meanwhile.
            let len = unsafe { (*bucket).length };
            (kind_of(bucket), (len != usize::MAX).then_some(len))
        })
    }

    /// Makes sure that all buckets last as long as `pool`: what they stand for
    /// is copied or given to that pool, unless it lasts anyhow
    /// (`apr_bucket_setaside`). Parts of one file in a row stay parts of one:
    /// APR would open it again for each.
    ///
    /// # Errors
    /// What a bucket's type gives; those in front of it last.
    pub fn set_aside(&mut self, pool: Pool<'_>) -> Result<(), Status> {
        // SAFETY: the brigade is alive.
        let end = unsafe { sys::shim_brigade_sentinel(self.as_ptr()) };
        // SAFETY: as above.
        let mut at = unsafe { sys::shim_brigade_first(self.as_ptr()) };
        // A file that was opened again, and a part of what it has become.
        let mut again: Option<(*mut c_void, *mut sys::apr_bucket)> = None;
        while at != end {
            let file = (kind_of(at) == Kind::File).then(|| shared_data(at));
            match again {
                Some((before, part)) if file == Some(before) => at = replace_part(at, part)?,
                _ => {
                    // SAFETY: a bucket of this brigade, which stays where it is; the pool is alive.
                    Status(unsafe { sys::shim_bucket_setaside(at, pool.as_ptr()) }).ok()?;
                    // A bucket may have become one of another kind.
                    let is_other =
                        |before: &*mut c_void| kind_of(at) == Kind::File && shared_data(at) != *before;
                    again = file.filter(is_other).map(|before| (before, at)).or(again);
                }
            }
            // SAFETY: `at` is in this brigade.
            at = unsafe { sys::shim_bucket_next(at) };
        }
        Ok(())
    }

    /// Total bytes of the buckets that know their length; reading nothing.
    #[must_use]
    pub fn known_len(&self) -> usize {
        let mut len: sys::apr_off_t = 0;
        // SAFETY: the brigade is alive; with read_all = 0 nothing is read.
        unsafe { sys::apr_brigade_length(self.as_ptr(), 0, &raw mut len) };
        usize::try_from(len).unwrap_or(0)
    }

    /// Moves the first `limit` bytes of data to `to`, sharing memory.
    ///
    /// # Errors
    /// What splitting a bucket gives.
    pub fn move_bytes(&mut self, limit: usize, to: &mut Brigade<'_>) -> Result<usize, Status> {
        let mut moved = 0;
        while moved < limit {
            let Some(mut front) = self.front() else { break };
            let len = front.len().unwrap_or(0);
            if len > limit - moved {
                front.split(limit - moved)?;
            }
            moved += len.min(limit - moved);
            if let Some(bucket) = self.pop() {
                to.push(bucket);
            }
        }
        Ok(moved)
    }

    /// Moves data up to and with the next line feed, at most `limit` bytes, to
    /// `to`. Says how many, and whether the line or the stream has ended.
    ///
    /// # Errors
    /// What reading or splitting a bucket gives.
    #[inline]
    pub fn move_line(&mut self, limit: usize, to: &mut Brigade<'_>) -> Result<(usize, bool), Status> {
        let mut moved = 0;
        while moved < limit {
            let Some(mut front) = self.front() else { break };
            let bytes = front.read(true)?;
            let bytes = &bytes[..bytes.len().min(limit - moved)];
            let end = line_feed(bytes);
            let count = end.map_or(bytes.len(), |end| end + 1);
            if count == 0 && front.kind() == Kind::EndOfStream {
                if moved == 0
                    && let Some(end) = self.pop()
                {
                    to.push(end);
                }
                return Ok((moved, true));
            }
            if count == 0 {
                front.delete();
                continue;
            }
            moved += self.move_bytes(count, to)?;
            if end.is_some() {
                return Ok((moved, true));
            }
        }
        Ok((moved, false))
    }

    /// Adds copies of the first `limit` bytes of data to `to`, sharing memory.
    ///
    /// # Errors
    /// What copying or splitting a bucket gives.
    pub fn copy_bytes(&mut self, limit: usize, to: &mut Brigade<'_>) -> Result<(), Status> {
        // SAFETY: the brigade is alive.
        let end = unsafe { sys::shim_brigade_sentinel(self.as_ptr()) };
        // SAFETY: as above.
        let mut at = unsafe { sys::shim_brigade_first(self.as_ptr()) };
        let mut left = limit;
        while at != end && left > 0 {
            // SAFETY: `at` is a bucket of this brigade.
            let len = unsafe { (*at).length };
            if len > left {
                // SAFETY: `at` is longer than `left`; the rest is inserted behind it.
                Status(unsafe { sys::shim_bucket_split(at, left) }).ok()?;
            }
            let mut copy = std::ptr::null_mut();
            // SAFETY: `at` is a bucket of this brigade; `copy` receives a new bucket.
            Status(unsafe { sys::shim_bucket_copy(at, &raw mut copy) }).ok()?;
            to.push(Bucket::from_new(copy));
            left -= len.min(left);
            // SAFETY: `at` is still in the brigade.
            at = unsafe { sys::shim_bucket_next(at) };
        }
        Ok(())
    }
}

/// What the buckets of one file share.
fn shared_data(bucket: *const sys::apr_bucket) -> *mut c_void {
    // SAFETY: callers pass a bucket of a brigade they hold.
    unsafe { (*bucket).data }
}

/// Puts another part of what `part` is a part of in the place of `bucket`, and
/// says where that is. Both are in brigades that the caller holds.
fn replace_part(
    bucket: *mut sys::apr_bucket,
    part: *mut sys::apr_bucket,
) -> Result<*mut sys::apr_bucket, Status> {
    let mut copy = std::ptr::null_mut();
    // SAFETY: `part` is alive; `copy` receives a new bucket.
    Status(unsafe { sys::shim_bucket_copy(part, &raw mut copy) }).ok()?;
    // SAFETY: alive, and another one than the copy.
    let old = unsafe { &*bucket };
    // SAFETY: just made, and nobody else's yet.
    let new = unsafe { &mut *copy };
    (new.start, new.length) = (old.start, old.length);
    // SAFETY: the old bucket is in a brigade, the new one in none.
    unsafe { sys::shim_bucket_insert_before(bucket, copy) };
    // SAFETY: the bucket is in a brigade, and nobody uses it afterwards.
    unsafe { sys::shim_bucket_delete(bucket) };
    Ok(copy)
}

fn kind_of(bucket: *const sys::apr_bucket) -> Kind {
    // SAFETY: callers pass a bucket of a brigade they hold; the checks read its type only.
    let is = |check: unsafe extern "C" fn(*const sys::apr_bucket) -> i32| unsafe { check(bucket) != 0 };
    if !is(sys::shim_bucket_is_metadata) {
        return if is(sys::shim_bucket_is_file) { Kind::File } else { Kind::Data };
    }
    if is(sys::shim_bucket_is_flush) {
        Kind::Flush
    } else if is(sys::shim_bucket_is_eos) {
        Kind::EndOfStream
    } else if is(sys::shim_bucket_is_eor) {
        Kind::EndOfRequest
    } else if is(sys::shim_bucket_is_eoc) {
        Kind::EndOfConnection
    } else {
        Kind::OtherMetadata
    }
}

/// The first bucket of a brigade that is borrowed meanwhile.
pub struct Front<'a> {
    raw: NonNull<sys::apr_bucket>,
    life: PhantomData<&'a mut ()>,
}

impl<'a> Front<'a> {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        kind_of(self.raw.as_ptr())
    }

    /// Its length in bytes; `None` for a pipe or socket.
    #[must_use]
    pub fn len(&self) -> Option<usize> {
        // SAFETY: the bucket is in the borrowed brigade.
        let len = unsafe { self.raw.as_ref() }.length;
        (len != usize::MAX).then_some(len)
    }

    /// Whether it is known to hold no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Its bytes (`apr_bucket_read`). The bucket may be split by that.
    ///
    /// # Errors
    /// What the bucket's source gives, `EAGAIN` when it would block.
    pub fn read(&mut self, block: bool) -> Result<&'a [u8], Status> {
        let (mut data, mut len): (*const c_char, usize) = (std::ptr::null(), 0);
        let mode = if block { sys::APR_BLOCK_READ } else { sys::APR_NONBLOCK_READ };
        // SAFETY: the bucket is in the borrowed brigade.
        let status = unsafe { sys::shim_bucket_read(self.raw.as_ptr(), &raw mut data, &raw mut len, mode) };
        Status(status).ok()?;
        // SAFETY: the bytes stay until the bucket is changed or destroyed, for which the brigade's borrow must end.
        Ok(unsafe { bytes_from(data, len) })
    }

    /// Cuts the bucket in two behind `at` bytes.
    ///
    /// # Errors
    /// What the bucket's type gives.
    pub fn split(&mut self, at: usize) -> Result<(), Status> {
        // SAFETY: the bucket is in the borrowed brigade.
        Status(unsafe { sys::shim_bucket_split(self.raw.as_ptr(), at) }).ok()
    }

    /// Drops its first `count` bytes; the whole bucket when there are no more.
    /// Only for a bucket of known length whose bytes lie at a fixed place
    /// (everything but pipes and sockets): those count from `start`.
    pub fn consume(mut self, count: usize) {
        // SAFETY: the bucket is in the borrowed brigade, and this handle is the only one.
        let bucket = unsafe { self.raw.as_mut() };
        if count >= bucket.length {
            return self.delete();
        }
        bucket.start += count as sys::apr_off_t;
        bucket.length -= count;
    }

    /// Removes and destroys the bucket.
    pub fn delete(self) {
        // SAFETY: the bucket is in the borrowed brigade; the handle ends here.
        unsafe { sys::shim_bucket_delete(self.raw.as_ptr()) }
    }

    /// The part of the file it stands for, when it is a file bucket whose
    /// file descriptor may be read at any position.
    #[must_use]
    pub fn file(&self) -> Option<FileSpan> {
        if self.kind() != Kind::File {
            return None;
        }
        // SAFETY: the bucket is in the borrowed brigade.
        let bucket = unsafe { self.raw.as_ref() };
        let len = self.len()?;
        // SAFETY: the data of a file bucket is an apr_bucket_file.
        let file = unsafe { bucket.data.cast::<sys::apr_bucket_file>().as_ref() }?;
        let mut fd: sys::apr_os_file_t = -1;
        // SAFETY: the bucket keeps its file open.
        Status(unsafe { sys::apr_os_file_get(&raw mut fd, file.fd) }).ok().ok()?;
        Some(FileSpan { fd, start: bucket.start, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apr::pool::test_pool;

    #[test]
    fn blocks_travel_without_a_copy() {
        test_pool(|pool, alloc| {
            let mut block = Block::new(100);
            block.append(b"hello world");
            let address = block.as_slice().as_ptr();
            let mut brigade = Brigade::new(pool, alloc).unwrap();
            brigade.push(Bucket::from_block(block, alloc));
            let bytes = brigade.front().unwrap().read(true).unwrap();
            assert_eq!(bytes, b"hello world");
            assert_eq!(bytes.as_ptr(), address);
        });
    }

    #[test]
    fn bytes_are_moved_and_copied_in_pieces() {
        test_pool(|pool, alloc| {
            let mut from = Brigade::new(pool, alloc).unwrap();
            from.push(Bucket::immortal(b"abc", alloc));
            from.push(Bucket::immortal(b"defg", alloc));
            let mut copy = Brigade::new(pool, alloc).unwrap();
            from.copy_bytes(5, &mut copy).unwrap();
            assert_eq!(copy.known_len(), 5);
            assert_eq!(from.known_len(), 7);
            let mut to = Brigade::new(pool, alloc).unwrap();
            assert_eq!(from.move_bytes(4, &mut to), Ok(4));
            assert_eq!(to.known_len(), 4);
            from.front().unwrap().consume(1);
            assert_eq!(from.front().unwrap().read(true).unwrap(), b"fg");
            assert_eq!(from.move_bytes(100, &mut to), Ok(2));
            assert!(from.is_empty());
        });
    }

    #[test]
    fn metadata_is_recognised() {
        test_pool(|pool, alloc| {
            let mut brigade = Brigade::new(pool, alloc).unwrap();
            brigade.push(Bucket::flush(alloc));
            brigade.push(Bucket::eos(alloc));
            brigade.push_front(Bucket::immortal(b"x", alloc));
            let kinds: Vec<_> = brigade.kinds().collect();
            assert_eq!(kinds, [Kind::Data, Kind::Flush, Kind::EndOfStream]);
            brigade.clear();
            assert!(brigade.pop().is_none());
        });
    }
}
