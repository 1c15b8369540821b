//! `SSLSessionTicketKeyFile`.

use super::Failed;
use super::context::Site;
use crate::apr::Status;
use crate::config::server::ServerConfig;
use crate::entry::config::ServerConf;
use crate::httpd::Server;
use crate::httpd::log::log;
use crate::ossl::callback;
use crate::ossl::ctx::SslCtx;
use crate::ossl::ticket::TicketKeys;
use crate::policy::ticket::{KEY_LENGTH, KeyParts};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Keys for vhosts without a file, when others have one. A connection asks
/// for keys as the first vhost of its address wants it, whichever vhost the
/// client names, so either all ask or none.
pub fn common_keys(main: Server<'_>) -> Option<Result<Arc<TicketKeys>, Failed>> {
    let has_file = |conf: &ServerConf| conf.declared.borrow().session_ticket_key_file.is_some();
    if !main.iter().filter_map(ServerConf::of).any(has_file) {
        return None;
    }
    let site = Site { main, server: main, id: "", is_start: true };
    Some(match TicketKeys::random() {
        Ok(keys) => Ok(Arc::new(keys)),
        Err(errors) => site.fail("Unable to make keys for session tickets", &errors),
    })
}

/// The keys of a server: those of its file, else the common ones.
pub fn install(
    site: &Site<'_>,
    ctx: &SslCtx,
    declared: &ServerConfig,
    common: Option<&Arc<TicketKeys>>,
) -> Result<Option<Arc<TicketKeys>>, Failed> {
    let Some(common) = common else { return Ok(None) };
    if !callback::answer_ticket_keys(ctx) {
        return site.fail(
            "AH01913: Unable to initialize TLS session ticket key callback (incompatible OpenSSL version?)",
            &[],
        );
    }
    let Some(file) = &declared.session_ticket_key_file else { return Ok(Some(Arc::clone(common))) };
    let keys = load(site, file)?;
    log!(
        site.server,
        Info,
        "AH02288: TLS session ticket key for {} successfully loaded from {}",
        site.id,
        file.display()
    );
    Ok(Some(Arc::new(keys)))
}

fn load(site: &Site<'_>, path: &Path) -> Result<TicketKeys, Failed> {
    let status = |error: &io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Status::EOF,
        _ => Status(error.raw_os_error().unwrap_or(Status::EGENERAL.0)),
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) => {
            let reason = status(&error).with_blank();
            return site
                .fail(&format!("AH02286: Failed to open ticket key file {}: {reason}", path.display()), &[]);
        }
    };
    let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
    if let Err(error) = file.read_exact(&mut *bytes) {
        let reason = status(&error).with_blank();
        return site.fail(
            &format!("AH02287: Failed to read {KEY_LENGTH} bytes from {}: {reason}", path.display()),
            &[],
        );
    }
    let parts = KeyParts::of(&bytes);
    TicketKeys::new(parts.name, parts.mac, parts.cipher)
        .or_else(|errors| site.fail("Unable to use the session ticket key", &errors))
}
