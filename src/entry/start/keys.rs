//! Private keys in files: plain ones, and those that a pass phrase opens.

use super::Failed;
use super::context::Site;
use super::pass_phrase::{Asker, NotOpened, Question};
use crate::config::pass_phrase::{Dialog, Secret};
use crate::entry::identities::{Form, Found, Key, Loader, Locked};
use crate::entry::report;
use crate::httpd::log::log;
use crate::httpd::{Level, Server};
use crate::ossl::error::LibraryError;
use crate::ossl::load::KeyError;
use openssl::x509::X509;
use std::cell::RefCell;
use std::io::IsTerminal;
use std::path::Path;

/// Loads the keys of one configuration; remembers pass phrases while that is read.
pub struct Keys<'d> {
    dialog: &'d Dialog,
    phrases: RefCell<Vec<Secret>>,
}

/// Which key, and what it is for.
pub struct Wanted<'w> {
    /// Its key id.
    pub key_id: &'w str,
    /// Its place in the list of the server.
    pub index: usize,
    /// Where it is.
    pub file: &'w Path,
    /// The certificate it belongs to.
    pub leaf: &'w X509,
}

impl<'d> Keys<'d> {
    /// Begins with a configuration.
    pub fn begin(dialog: &'d Dialog) -> Self {
        Self { dialog, phrases: RefCell::default() }
    }

    /// How pass phrases are asked for, for a server.
    pub fn asker<'a>(&'a self, site: &Site<'a>) -> Asker<'a> {
        Asker { dialog: self.dialog, server: site.server, id: site.id }
    }

    /// The end of a configuration: zeroes the pass phrases.
    pub fn finish(self, main: Server<'_>) {
        let phrases = self.phrases.into_inner();
        if !phrases.is_empty() {
            drop(phrases);
            log!(main, Info, "AH02560: Init: Wiped out the queried pass phrases from memory");
        }
    }

    /// Loads one key. A failure is logged.
    pub fn load(&self, site: &Site<'_>, loader: &mut Loader, wanted: &Wanted<'_>) -> Result<Key, Failed> {
        let (server, key_id) = (site.server, wanted.key_id);
        let attempt = || {
            log!(server, Info, "AH02576: Attempting to load encrypted (?) private key {key_id}");
        };
        let key = match loader.key(wanted.file) {
            Ok(Found::Key(key)) => {
                match key.form {
                    Form::Pem | Form::Token => {}
                    Form::Bare => {
                        attempt();
                        log!(
                            server,
                            Debug,
                            "AH02582: unencrypted {key_id} private key - pass phrase not required"
                        );
                    }
                    Form::Encrypted => {
                        attempt();
                        log!(server, Debug, "AH02584: encrypted {key_id} private key - pass phrase reused");
                    }
                }
                key
            }
            Ok(Found::Kept(key)) => {
                let file = wanted.file.display();
                log!(server, Info, "AH02575: Reusing existing private key from {file} on restart");
                key
            }
            Ok(Found::Locked(locked)) => {
                attempt();
                self.open(site, loader, wanted, &locked)?
            }
            Err(KeyError::Unreadable(error)) => {
                let file = wanted.file.display();
                let message = format!("AH02574: Init: Can't open server private key file {file} ({error})");
                return fail(site, wanted, Level::Emerg, &message, &[]);
            }
            Err(KeyError::NotFound(errors)) => {
                attempt();
                return fail(site, wanted, Level::Error, "AH02579: Init: Private key not found", &errors);
            }
            // The loader finds these locked.
            Err(KeyError::Encrypted) => {
                return fail(site, wanted, Level::Error, "AH02579: Init: Private key not found", &[]);
            }
        };
        if key.form == Form::Encrypted {
            loader.remember(key_id, &key);
        }
        Ok(key)
    }

    /// Opens a key with a pass phrase that opened another one, or asks for one.
    fn open(
        &self,
        site: &Site<'_>,
        loader: &mut Loader,
        wanted: &Wanted<'_>,
        locked: &Locked,
    ) -> Result<Key, Failed> {
        let key_id = wanted.key_id;
        let remembered = self.phrases.borrow().iter().find_map(|phrase| locked.open(phrase));
        if let Some(key) = remembered {
            log!(site.server, Debug, "AH02584: encrypted {key_id} private key - pass phrase reused");
            return Ok(loader.add_opened(wanted.file, locked, key));
        }
        let is_first = self.phrases.borrow().is_empty();
        let question = Question { key_id, index: wanted.index, file: wanted.file, is_first };
        match self.asker(site).open_key(&question, |phrase| locked.open(phrase)) {
            Ok((key, phrase)) => {
                log!(site.server, Debug, "AH02583: encrypted {key_id} private key - pass phrase requested");
                self.phrases.borrow_mut().push(phrase);
                Ok(loader.add_opened(wanted.file, locked, key))
            }
            Err(reason) => go_on_or_fail(site, loader, wanted, reason),
        }
    }
}

/// Nobody has opened the key. If the one before it belongs to the certificate, the server goes on with that,
/// and asks again at the next restart.
fn go_on_or_fail(
    site: &Site<'_>,
    loader: &mut Loader,
    wanted: &Wanted<'_>,
    reason: NotOpened,
) -> Result<Key, Failed> {
    let (level, message) = match reason {
        NotOpened::Wrong => {
            (Level::Emerg, format!("AH02580: Init: Pass phrase incorrect for key {}", wanted.key_id))
        }
        NotOpened::NoAnswer if std::io::stdout().is_terminal() => {
            (Level::Error, "AH02579: Init: Private key not found".to_owned())
        }
        NotOpened::NoAnswer => (
            Level::Error,
            "AH02578: Init: Unable to read pass phrase [Hint: key introduced or changed before restart?]"
                .to_owned(),
        ),
    };
    let public = wanted.leaf.public_key().ok();
    let fits = |key: &Key| public.as_ref().is_some_and(|public| public.public_eq(&key.key));
    let Some(key) = loader.key_from_before(wanted.key_id, wanted.file, fits) else {
        return fail(site, wanted, level, &message, &[]);
    };
    report::message(site.server, level, &message);
    log!(site.server, Warn, "Init: Going on with the private key {} from before the restart", wanted.key_id);
    Ok(key)
}

/// Logs why there is no key, and ends the start.
fn fail<T>(
    site: &Site<'_>,
    wanted: &Wanted<'_>,
    level: Level,
    message: &str,
    errors: &[LibraryError],
) -> Result<T, Failed> {
    report::message(site.server, level, message);
    report::library_errors(site.server, level, errors);
    let failed = site.end();
    log!(
        site.server,
        Emerg,
        "AH02564: Failed to configure encrypted (?) private key {}, check {}",
        wanted.key_id,
        wanted.file.display()
    );
    failed
}
