//! Whom a server believes when clients show certificates: its CAs, and the
//! lists of revoked certificates, which are read again when they change.

use crate::apr::pool::c_path;
use crate::apr::time;
use crate::config::proxy::ProxyConfig;
use crate::config::server::ServerConfig;
use crate::config::verify::{CrlCheck, CrlScope};
use crate::httpd::Server;
use crate::httpd::log::log;
use crate::ossl::error::LibraryError;
use crate::ossl::lib::sha256;
use crate::ossl::verify::{StoreDraft, VerifyStore, crls, seconds_left};
use crate::policy::deadline::Deadline;
use crate::policy::verify::Digest;
use openssl::x509::{X509, X509Crl};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};
use thiserror::Error;

/// Files are looked at no more often.
const INTERVAL: Duration = Duration::from_secs(1);

/// Bytes of the largest file with lists. Those of large public authorities have some ten millions.
const LARGEST: u64 = 256 << 20;

/// Where it comes from.
#[derive(Clone, Default)]
pub struct Places {
    ca_file: Option<PathBuf>,
    ca_path: Option<PathBuf>,
    crl_file: Option<PathBuf>,
    crl_path: Option<PathBuf>,
    check: CrlCheck,
    /// Certificates that are believed as well.
    also: Vec<X509>,
}

/// Why there is no store.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The CAs cannot be loaded.
    #[error("the certificates of the CAs cannot be loaded")]
    Authorities(Vec<LibraryError>),
    /// A list of revoked certificates cannot be loaded.
    #[error("{} does not have usable lists of revoked certificates", .0.display())]
    Crls(PathBuf, Vec<LibraryError>),
    /// A file or directory cannot be read.
    #[error("{} cannot be read: {}", .0.display(), .1)]
    Read(PathBuf, io::Error),
}

/// What was loaded at one time.
pub struct Loaded {
    /// CAs and lists.
    pub store: VerifyStore,
    /// SHA-256 of the lists.
    pub digest: Digest,
    /// When one of the lists has to be replaced; only where lists are checked.
    expires: Option<Deadline>,
}

impl Loaded {
    /// Whether all lists are still good.
    #[must_use]
    pub fn is_timely(&self) -> bool {
        self.expires.is_none_or(|end| !end.is_over())
    }
}

/// A file as it was when it was looked at: name, time of the last change in seconds and nanoseconds, size, number.
type Print = Vec<(PathBuf, i64, i64, u64, u64)>;

struct Held {
    loaded: Arc<Loaded>,
    print: Print,
    looked: Instant,
}

/// The store of a policy.
pub struct Trust {
    places: Places,
    held: Mutex<Held>,
    /// Held by whoever reads the lists. Others go on with what was loaded before.
    refreshing: Mutex<()>,
}

impl Trust {
    /// Loads what the directives of a server name. `None` when there are none.
    ///
    /// # Errors
    /// See [`TrustError`].
    pub fn open(places: Places) -> Result<Option<Self>, TrustError> {
        let nobody = places.ca_file.is_none() && places.ca_path.is_none() && places.also.is_empty();
        if nobody && !places.has_crls() {
            return Ok(None);
        }
        let print = places.print()?;
        let loaded = Arc::new(places.load(&print)?);
        let held = Held { loaded, print: settled(print), looked: Instant::now() };
        Ok(Some(Self { places, held: Mutex::new(held), refreshing: Mutex::new(()) }))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Each change is one step.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to verify by now. A list that was changed and cannot be used leaves
    /// the one before in force; that is said once, in the log of `server`.
    pub fn current(&self, server: Server<'_>) -> Arc<Loaded> {
        if self.places.has_crls() && self.held().looked.elapsed() >= INTERVAL {
            match self.refreshing.try_lock() {
                Ok(_guard) => self.refresh(server),
                // Whoever panicked has left nothing half done.
                Err(TryLockError::Poisoned(_guard)) => self.refresh(server),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        Arc::clone(&self.held().loaded)
    }

    /// Looks at the files, and reads them if they have changed.
    fn refresh(&self, server: Server<'_>) {
        let (before, digest) = {
            let mut held = self.held();
            held.looked = Instant::now();
            (held.print.clone(), held.loaded.digest)
        };
        let print = match self.places.print() {
            Ok(print) if print == before => return,
            Ok(print) => print,
            Err(error) => {
                // A print of nothing: the next one that can be taken differs, and this is said once.
                if !std::mem::take(&mut self.held().print).is_empty() {
                    complain(server, &error);
                }
                return;
            }
        };
        match self.places.load(&print) {
            Ok(loaded) if loaded.digest == digest => self.held().print = settled(print),
            Ok(loaded) => {
                let mut held = self.held();
                (held.loaded, held.print) = (Arc::new(loaded), settled(print));
                drop(held);
                log!(server, Info, "The lists of revoked certificates have changed and were read again");
            }
            Err(error) => {
                self.held().print = print;
                complain(server, &error);
            }
        }
    }
}

/// The print of lists that have been read. A file that has changed just now could change again without a trace,
/// because its time is no finer than the clock of the file system: its print is made one that no file has.
fn settled(mut print: Print) -> Print {
    let now = time::now() / 1_000_000;
    for (_, seconds, _, _, number) in &mut print {
        if now.abs_diff(*seconds) <= 2 {
            *number = !*number;
        }
    }
    print
}

fn complain(server: Server<'_>, error: &TrustError) {
    log!(server, Error, "The lists of revoked certificates stay as they were: {error}");
}

impl Places {
    /// What the directives about clients of a server name.
    #[must_use]
    pub fn of_clients(declared: &ServerConfig) -> Self {
        Self {
            ca_file: declared.ca_certificate_file.clone(),
            ca_path: declared.ca_certificate_path.clone(),
            ..Self::default()
        }
        .with_lists(
            declared.ca_revocation_check,
            &declared.ca_revocation_file,
            &declared.ca_revocation_path,
        )
    }

    /// What the directives about backends name, and certificates that came
    /// along with those of this side.
    #[must_use]
    pub fn of_backends(declared: &ProxyConfig, also: Vec<X509>) -> Self {
        Self {
            ca_file: declared.ca_certificate_file.clone(),
            ca_path: declared.ca_certificate_path.clone(),
            also,
            ..Self::default()
        }
        .with_lists(
            declared.ca_revocation_check,
            &declared.ca_revocation_file,
            &declared.ca_revocation_path,
        )
    }

    fn with_lists(self, check: Option<CrlCheck>, file: &Option<PathBuf>, path: &Option<PathBuf>) -> Self {
        let check = check.unwrap_or_default();
        // Without a check C's module ignores the lists as well.
        let crl = |path: &Option<PathBuf>| path.clone().filter(|_| check.scope != CrlScope::None);
        Self { crl_file: crl(file), crl_path: crl(path), check, ..self }
    }

    fn has_crls(&self) -> bool {
        self.crl_file.is_some() || self.crl_path.is_some()
    }

    /// The files with lists, as they are now.
    fn print(&self) -> Result<Print, TrustError> {
        let mut files: Vec<PathBuf> = self.crl_file.iter().cloned().collect();
        if let Some(directory) = &self.crl_path {
            let failed = |error| TrustError::Read(directory.clone(), error);
            for entry in std::fs::read_dir(directory).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                if is_hash_link(&entry.file_name().to_string_lossy()) {
                    files.push(entry.path());
                }
            }
        }
        files.sort_unstable();
        let stat = |file: PathBuf| match std::fs::metadata(&file) {
            Ok(found) => Some(Ok((file, found.mtime(), found.mtime_nsec(), found.size(), found.ino()))),
            // A link to what is gone, or a file that just went.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && Some(&file) != self.crl_file.as_ref() =>
            {
                None
            }
            Err(error) => Some(Err(TrustError::Read(file, error))),
        };
        files.into_iter().filter_map(stat).collect()
    }

    fn load(&self, files: &Print) -> Result<Loaded, TrustError> {
        let authorities = TrustError::Authorities;
        let mut draft = StoreDraft::new().map_err(authorities)?;
        if let Some(file) = &self.ca_file {
            draft.add_file(&c_path(file)).map_err(authorities)?;
        }
        if let Some(directory) = &self.ca_path {
            draft.add_directory(&c_path(directory)).map_err(authorities)?;
        }
        for certificate in &self.also {
            draft.add_certificate(certificate).map_err(authorities)?;
        }
        if self.check.scope != CrlScope::None {
            draft.check_revocation(self.check.scope == CrlScope::Chain).map_err(authorities)?;
        }
        let (mut bytes, mut ends) = (Vec::new(), Ends::default());
        for (file, ..) in files {
            let text = read_list(file).map_err(|error| TrustError::Read(file.clone(), error))?;
            let unusable = |errors| TrustError::Crls(file.clone(), errors);
            let lists = crls(&text).map_err(unusable)?;
            if lists.is_empty() {
                return Err(unusable(Vec::new()));
            }
            for list in &lists {
                draft.add_crl(list).map_err(unusable)?;
                ends.add(list);
            }
            bytes.extend_from_slice(&text);
        }
        let digest = sha256(&bytes).ok_or_else(|| authorities(Vec::new()))?;
        Ok(Loaded { store: draft.build(), digest, expires: ends.first() })
    }
}

/// Reads a file with lists. What is no file is refused, and nothing of it is waited for: handshakes would wait as
/// well.
fn read_list(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    if file.metadata()?.len() > LARGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut text = Vec::new();
    file.take(LARGEST).read_to_end(&mut text)?;
    Ok(text)
}

/// Seconds that are left of the newest list of each issuer.
#[derive(Default)]
struct Ends(HashMap<Vec<u8>, i64>);

impl Ends {
    fn add(&mut self, list: &X509Crl) {
        let Some(left) = seconds_left(list) else { return };
        let issuer = list.issuer_name().to_der().unwrap_or_default();
        let newest = self.0.entry(issuer).or_insert(left);
        *newest = (*newest).max(left);
    }

    fn first(&self) -> Option<Deadline> {
        let left = self.0.values().copied().min()?;
        Deadline::after(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
    }
}

/// Whether the name is one that `openssl rehash` gives to a list: `1a2b3c4d.r0`.
fn is_hash_link(name: &str) -> bool {
    name.split_once(".r").is_some_and(|(hash, number)| {
        hash.len() == 8
            && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The files of a directory that hold certificates, in order.
///
/// # Errors
/// It cannot be read.
pub fn files_of(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        // Whoever opened something else would wait for it, or never come to its end.
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lists() {
        for (name, is) in [
            ("1a2b3c4d.r0", true),
            ("1A2b3c4d.r17", true),
            ("1a2b3c4d.0", false),
            ("1a2b3c4d.r", false),
            ("1a2b3c4d.r1x", false),
            ("1a2b3c4.r0", false),
            ("ca.pem", false),
        ] {
            assert_eq!(is_hash_link(name), is, "{name}");
        }
    }
}
