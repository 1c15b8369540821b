//! DH and curve parameters in PEM files.

use std::ffi::{CStr, c_char, c_int, c_long, c_uchar};
use std::ptr::{self, NonNull};

use foreign_types::ForeignType;
use openssl::asn1::Asn1Object;
use openssl::nid::Nid;
use openssl_sys as sys;
use zeroize::Zeroize;

use super::error;
use super::ffi;
use super::lib::bytes_from;
use super::load::MemoryBio;

/// Parameters for ephemeral Diffie-Hellman.
pub struct DhParameters(NonNull<sys::EVP_PKEY>);

// SAFETY: parameters are counted, and nothing changes them.
unsafe impl Send for DhParameters {}
// SAFETY: as above.
unsafe impl Sync for DhParameters {}

/// What a file holds, the first of each type.
#[derive(Default)]
pub struct Parameters {
    /// From `DH PARAMETERS` or `X9.42 DH PARAMETERS`.
    pub dh: Option<DhParameters>,
    /// From an `EC PARAMETERS` block that names a curve.
    pub curve: Option<Nid>,
    /// Equal for equal parameters, and empty when there are none.
    pub key: Vec<u8>,
}

impl DhParameters {
    /// The size of the prime in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        // SAFETY: this value holds a reference.
        let bits = unsafe { sys::EVP_PKEY_get_bits(self.0.as_ptr()) };
        u32::try_from(bits).unwrap_or(0)
    }

    pub(super) fn key(&self) -> *mut sys::EVP_PKEY {
        self.0.as_ptr()
    }

    fn parse(kind: c_int, der: &[u8]) -> Option<Self> {
        let mut at = der.as_ptr();
        let length = c_long::try_from(der.len()).ok()?;
        // SAFETY: `at` leads to `length` bytes, which are only read.
        let key = unsafe { ffi::d2i_KeyParams(kind, ptr::null_mut(), &raw mut at, length) };
        NonNull::new(key).map(DhParameters)
    }
}

impl Drop for DhParameters {
    fn drop(&mut self) {
        // SAFETY: this value holds a reference, which ends here.
        unsafe { sys::EVP_PKEY_free(self.0.as_ptr()) };
    }
}

/// What every header line of a block with parameters ends with.
const MARK: &[u8] = b" PARAMETERS-----";

/// Looks for parameters in the contents of a PEM file, by the type of each block. Blocks of other types are
/// skipped, and so are those that cannot be decoded.
#[must_use]
pub fn from_pem(pem: &[u8]) -> Parameters {
    let mut found = Parameters::default();
    // Most files have none, and decoding all their blocks takes time.
    if !pem.windows(MARK.len()).any(|window| window == MARK) {
        return found;
    }
    let Some(bio) = MemoryBio::new(pem) else {
        return found;
    };
    while let Some(block) = Block::read(&bio) {
        let taken = match block.name() {
            b"DH PARAMETERS" if found.dh.is_none() => {
                found.dh = DhParameters::parse(ffi::EVP_PKEY_DH, block.der());
                found.dh.is_some()
            }
            b"X9.42 DH PARAMETERS" if found.dh.is_none() => {
                found.dh = DhParameters::parse(ffi::EVP_PKEY_DHX, block.der());
                found.dh.is_some()
            }
            b"EC PARAMETERS" if found.curve.is_none() => {
                found.curve = named_curve(block.der());
                found.curve.is_some()
            }
            _ => false,
        };
        if taken {
            found.key.extend_from_slice(block.name());
            found.key.extend_from_slice(block.der());
        }
    }
    error::clear();
    found
}

/// A named curve is encoded as nothing but its object identifier.
fn named_curve(der: &[u8]) -> Option<Nid> {
    let mut at = der.as_ptr();
    let length = c_long::try_from(der.len()).ok()?;
    // SAFETY: `at` leads to `length` bytes, which are only read.
    let object = unsafe { ffi::d2i_ASN1_OBJECT(ptr::null_mut(), &raw mut at, length) };
    let object = NonNull::new(object)?;
    // SAFETY: the caller of d2i_ASN1_OBJECT owns what it gives.
    let object = unsafe { Asn1Object::from_ptr(object.as_ptr()) };
    Some(object.nid()).filter(|nid| *nid != Nid::UNDEF)
}

/// One block of a PEM file; its memory is OpenSSL's.
struct Block {
    name: *mut c_char,
    header: *mut c_char,
    data: *mut c_uchar,
    length: usize,
}

impl Block {
    /// The next block; `None` at the end, or at one that is not even PEM.
    fn read(bio: &MemoryBio<'_>) -> Option<Self> {
        let (mut name, mut header) = (ptr::null_mut(), ptr::null_mut());
        let (mut data, mut length) = (ptr::null_mut(), 0);
        // SAFETY: the BIO is alive, and the four places are filled in on success.
        let done = unsafe {
            ffi::PEM_read_bio(bio.as_ptr(), &raw mut name, &raw mut header, &raw mut data, &raw mut length)
        };
        (done > 0).then(|| Block { name, header, data, length: usize::try_from(length).unwrap_or(0) })
    }

    fn name(&self) -> &[u8] {
        // SAFETY: PEM_read_bio gives a C string, which this value owns.
        unsafe { CStr::from_ptr(self.name) }.to_bytes()
    }

    fn der(&self) -> &[u8] {
        // SAFETY: PEM_read_bio gives so many bytes, which this value owns.
        unsafe { bytes_from(self.data, self.length) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if !self.data.is_null() {
            // The block may have been a private key.
            // SAFETY: PEM_read_bio gave so many bytes, which nobody else holds.
            unsafe { std::slice::from_raw_parts_mut(self.data, self.length) }.zeroize();
        }
        for part in [self.name.cast(), self.header.cast(), self.data.cast()] {
            // SAFETY: PEM_read_bio allocated it for its caller, or it is NULL.
            unsafe { sys::CRYPTO_free(part, c"".as_ptr(), 0) };
        }
    }
}
