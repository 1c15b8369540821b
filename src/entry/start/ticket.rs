//! Keys of session tickets: `SSLSessionTicketKeyFile`, `SSLSessionTicketSecretFile`, `SSLSessionTicketKeyLifetime`.

use super::Failed;
use super::context::{Site, session_timeout};
use crate::apr::Status;
use crate::config::global::GlobalConfig;
use crate::config::server::ServerConfig;
use crate::entry::config::ServerConf;
use crate::entry::tickets::{self, Origin, PrepareError};
use crate::httpd::log::log;
use crate::ossl::callback;
use crate::ossl::ctx::SslCtx;
use crate::ossl::ticket::{TicketKey, TicketKeys};
use crate::policy::ticket::ring::Plan;
use crate::policy::ticket::{KeyParts, LONG, SHORT};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Seconds, without `SSLSessionTicketKeyLifetime`.
const LIFETIME: u64 = 43_200;
/// Clients must not be told more (RFC 8446, section 4.6.1), in seconds.
const LONGEST_HINT: i64 = 604_800;
/// A secret that several machines share, in bytes.
const SECRET: std::ops::RangeInclusive<usize> = 32..=4096;

/// What the keys that nobody chose allow.
#[derive(Clone, Copy)]
pub struct Limits {
    /// How long their tickets may be good, in seconds.
    hold: i64,
}

impl Limits {
    /// Of a configuration.
    pub fn of(global: &GlobalConfig) -> Self {
        let lifetime = global.session_ticket_key_lifetime.unwrap_or(LIFETIME);
        let hold = Plan::longest_hold(lifetime, global.session_ticket_secret_file.is_some());
        Self { hold: i64::try_from(hold).unwrap_or(i64::MAX).min(LONGEST_HINT) }
    }

    /// How long sessions of a server may be resumed, in seconds. A ticket must not outlive its key.
    pub fn timeout(self, declared: &ServerConfig) -> i64 {
        let timeout = session_timeout(declared);
        let tickets = declared.session_tickets.unwrap_or(true);
        match (tickets, declared.session_ticket_key_files.is_empty()) {
            (false, _) => timeout,
            (true, true) => timeout.min(self.hold),
            (true, false) => timeout.min(LONGEST_HINT),
        }
    }
}

/// Where the keys of servers without `SSLSessionTicketKeyFile` come from.
pub fn origin(site: &Site<'_>, global: &GlobalConfig) -> Result<Origin, Failed> {
    match &global.session_ticket_secret_file {
        None => Ok(Origin::Chance),
        Some(file) => read_secret(site, file, global.session_ticket_key_lifetime.unwrap_or(LIFETIME)),
    }
}

/// Makes those keys, or takes them over from before a restart.
pub fn prepare(site: &Site<'_>, global: &GlobalConfig, origin: &Origin) -> Result<(), Failed> {
    let lifetime = global.session_ticket_key_lifetime.unwrap_or(LIFETIME);
    let limits = Limits::of(global);
    let holds = site.main.iter().filter_map(|server| {
        let conf = ServerConf::of(server)?;
        Some(limits.timeout(&conf.declared.borrow().complete()))
    });
    let hold = holds.max().unwrap_or(0).min(limits.hold);
    match tickets::prepare(origin, lifetime, u64::try_from(hold).unwrap_or(0)) {
        Ok(()) => Ok(()),
        Err(PrepareError::Memory(error)) => {
            site.fail(&format!("Unable to share keys of session tickets between processes: {error}"), &[])
        }
        Err(PrepareError::Library) => site.fail("Unable to make keys for session tickets", &[]),
    }
}

/// The secret of several machines. Whoever can read it can read what any client that comes back sends.
fn read_secret(site: &Site<'_>, path: &Path, lifetime: u64) -> Result<Origin, Failed> {
    let refuse =
        |why: &str| site.fail(&format!("SSLSessionTicketSecretFile: {}: {why}", path.display()), &[]);
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, mut file) = match opened {
        Ok(opened) => opened,
        Err(error) => return refuse(&error.to_string()),
    };
    // SAFETY: reads a number.
    let user = unsafe { libc::geteuid() };
    if metadata.mode() & 0o027 != 0 {
        let mode = metadata.mode() & 0o7777;
        return refuse(&format!(
            "others may read it, or its group may write to it (mode {mode:04o}); chmod 600"
        ));
    }
    if ![0, user].contains(&metadata.uid()) {
        return refuse(&format!(
            "belongs to user {}, neither root nor the user who starts the server",
            metadata.uid()
        ));
    }
    let mut bytes = Zeroizing::new(vec![0; SECRET.end() + 1]);
    let length = match read_all(&mut file, &mut bytes) {
        Ok(length) => length,
        Err(error) => return refuse(&error.to_string()),
    };
    if !SECRET.contains(&length) {
        return refuse(&format!("has to have {} to {} bytes", SECRET.start(), SECRET.end()));
    }
    match Origin::of_secret(&bytes[..length], lifetime) {
        Some(origin) => Ok(origin),
        None => site.fail("Unable to make keys for session tickets", &[]),
    }
}

/// Fills the buffer as far as the file goes, and gives the number of bytes.
fn read_all(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Has the library ask for keys; those of a server's files, if it has any. A connection asks as the first vhost of its
/// address wants it, whichever vhost the client names, so all contexts ask.
pub fn install(
    site: &Site<'_>,
    ctx: &SslCtx,
    declared: &ServerConfig,
) -> Result<Option<Arc<TicketKeys>>, Failed> {
    if !callback::answer_ticket_keys(ctx) {
        return site.fail(
            "AH01913: Unable to initialize TLS session ticket key callback (incompatible OpenSSL version?)",
            &[],
        );
    }
    let files = &declared.session_ticket_key_files;
    let mut keys = Vec::with_capacity(files.len());
    for file in files {
        keys.push(load(site, file)?);
        log!(
            site.server,
            Info,
            "AH02288: TLS session ticket key for {} successfully loaded from {}",
            site.id,
            file.display()
        );
    }
    Ok(TicketKeys::new(keys).map(Arc::new))
}

fn load(site: &Site<'_>, path: &Path) -> Result<TicketKey, Failed> {
    let status = |error: &io::Error| Status(error.raw_os_error().unwrap_or(Status::EGENERAL.0)).with_blank();
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) => {
            let reason = status(&error);
            return site
                .fail(&format!("AH02286: Failed to open ticket key file {}: {reason}", path.display()), &[]);
        }
    };
    if let Ok(metadata) = file.metadata()
        && metadata.mode() & 0o007 != 0
    {
        log!(
            site.server,
            Warn,
            "SSLSessionTicketKeyFile: {}: everybody on this machine may use it",
            path.display()
        );
    }
    // One byte more than the longest, to tell that from something longer.
    let mut bytes = Zeroizing::new([0; LONG + 1]);
    let read = read_all(&mut file, &mut *bytes);
    let reason = match &read {
        Ok(length) => match KeyParts::of(&bytes[..*length]) {
            Some(parts) => match TicketKey::new(parts.name, parts.mac, parts.cipher) {
                Some(key) => return Ok(key),
                None => return site.fail("Unable to use the session ticket key", &[]),
            },
            None => Status::EOF.with_blank(),
        },
        Err(error) => status(error),
    };
    site.fail(&format!("AH02287: Failed to read {SHORT} bytes from {}: {reason}", path.display()), &[])
}
