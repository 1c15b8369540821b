//! The identity store: certificates and keys, each read, parsed and compared
//! once, however many servers name them.
//!
//! What decides is the content of the files: two copies are one identity, and
//! what has not changed is not parsed again in the second pass over the
//! configuration or after a restart. The store therefore outlives the
//! configuration; what a configuration no longer names is dropped when its
//! start has succeeded.

use crate::ossl::engine::Engine;
use crate::ossl::identity::{Identity, IdentityError};
use crate::ossl::lib::sha256;
use crate::ossl::load::{self, CertificateError, KeyError};
use crate::ossl::params::{self, Parameters};
use crate::ossl::x509;
use crate::policy::vhost::FileId;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// SHA-256 of the content of a file.
pub type Digest = [u8; 32];

/// The content of a certificate file.
pub struct Certificates {
    /// The first certificate.
    pub leaf: X509,
    /// The others, in the order of the file.
    pub chain: Vec<X509>,
    /// Whether the leaf is that of a CA.
    pub is_ca: bool,
    /// pathLenConstraint of the leaf.
    pub path_length: Option<i64>,
    /// DH and curve parameters in the same file.
    pub parameters: Parameters,
    digest: Option<Digest>,
}

impl Certificates {
    fn parse(pem: &[u8], digest: Option<Digest>) -> Result<Self, CertificateError> {
        let mut certificates =
            load::certificates_from_pem(pem).map_err(CertificateError::Malformed)?.into_iter();
        let Some(leaf) = certificates.next() else { return Err(CertificateError::Malformed(Vec::new())) };
        let parameters = params::from_pem(pem);
        Ok(Self { chain: certificates.collect(), parameters, digest, ..Self::from(leaf) })
    }

    /// The names that the leaf stands for. They are not kept: there may be many hosts.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        x509::identities(&self.leaf)
    }

    /// All certificates, the leaf first.
    pub fn all(&self) -> impl Iterator<Item = &X509> {
        std::iter::once(&self.leaf).chain(&self.chain)
    }
}

impl From<X509> for Certificates {
    /// A certificate that is in no file.
    fn from(leaf: X509) -> Self {
        let (is_ca, path_length) = x509::basic_constraints(&leaf);
        let (chain, parameters) = (Vec::new(), Parameters::default());
        Self { leaf, chain, is_ca, path_length, parameters, digest: None }
    }
}

/// A private key and what it was read from, shared by all that use it.
#[derive(Clone)]
pub struct Key(Arc<KeyParts>);

/// What there is to say of a key.
pub struct KeyParts {
    /// The key.
    pub key: PKey<Private>,
    /// How it was written down.
    pub form: Form,
    /// What must outlive it.
    engine: Option<Arc<Engine>>,
    /// The content of its file, where that is all it depends on.
    digest: Option<Digest>,
}

/// How a key was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// PEM.
    Pem,
    /// DER, or base64 of it without header lines.
    Bare,
    /// Protected by a pass phrase.
    Encrypted,
    /// In a token.
    Token,
}

/// What there is in a key file.
pub enum Found {
    /// A key that needs no pass phrase, or was opened in this pass.
    Key(Key),
    /// A key that was opened for an earlier configuration.
    Kept(Key),
    /// A key that needs a pass phrase.
    Locked(Locked),
}

/// A key file that needs a pass phrase.
pub struct Locked {
    bytes: Zeroizing<Vec<u8>>,
    digest: Option<Digest>,
}

impl Locked {
    /// Tries a pass phrase.
    #[must_use]
    pub fn open(&self, phrase: &[u8]) -> Option<PKey<Private>> {
        load::private_key_from_bytes(&self.bytes, Some(phrase)).ok()
    }
}

impl Key {
    fn new(key: PKey<Private>, form: Form, digest: Option<Digest>) -> Self {
        Self(Arc::new(KeyParts { key, form, engine: None, digest }))
    }

    /// A key that is not kept: there is no content to know it again by.
    #[must_use]
    pub fn of_token(key: PKey<Private>, engine: Option<Arc<Engine>>) -> Self {
        Self(Arc::new(KeyParts { key, form: Form::Token, engine, digest: None }))
    }
}

impl Deref for Key {
    type Target = KeyParts;

    fn deref(&self) -> &KeyParts {
        &self.0
    }
}

static STORE: Mutex<Option<Store>> = Mutex::new(None);

#[derive(Default)]
struct Store {
    certificates: Kept<Digest, Arc<Certificates>>,
    keys: Kept<Digest, Key>,
    /// Those that a pass phrase has opened, by their key id.
    opened: Kept<String, Key>,
    /// By the digest of what they are made of.
    identities: Kept<Digest, Arc<Identity>>,
    /// `SSLCryptoDevice`; keys stay with the engine that they were made for.
    device: Option<String>,
}

/// Values, and whether the current configuration names them.
/// A tree, because it has less room to spare than a hash table.
struct Kept<K, V>(BTreeMap<K, (V, bool)>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord, V: Clone> Kept<K, V> {
    fn get(&mut self, key: &K) -> Option<V> {
        self.get_noting(key).map(|(value, _)| value)
    }

    /// The value, and whether the current configuration has named it before.
    fn get_noting(&mut self, key: &K) -> Option<(V, bool)> {
        let (value, named) = self.0.get_mut(key)?;
        Some((value.clone(), std::mem::replace(named, true)))
    }

    fn put(&mut self, key: K, value: &V) {
        self.0.insert(key, (value.clone(), true));
    }

    fn begin(&mut self) {
        self.0.values_mut().for_each(|(_, named)| *named = false);
    }

    fn sweep(&mut self) {
        self.0.retain(|_, (_, named)| *named);
    }
}

/// The store, for one pass over the configuration.
pub struct Loader {
    store: MutexGuard<'static, Option<Store>>,
    /// Files of this pass: none is read twice.
    certificates: HashMap<PathBuf, Arc<Certificates>>,
    keys: HashMap<PathBuf, Key>,
    /// The contents of files.
    ids: HashMap<PathBuf, FileId>,
    parsed: usize,
}

/// What a pass came to, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Identities that servers show.
    pub identities: usize,
    /// Files that were read.
    pub read: usize,
    /// How many of them were not known by their content already.
    pub parsed: usize,
}

impl Loader {
    /// Begins a pass of a configuration with this `SSLCryptoDevice`.
    #[must_use]
    pub fn begin(device: Option<&str>) -> Self {
        let mut store = STORE.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = store.get_or_insert_default();
        if kept.device.as_deref() != device {
            // Nobody may be there to be asked for a pass phrase again.
            let opened = std::mem::take(&mut kept.opened);
            *kept = Store { device: device.map(str::to_owned), opened, ..Store::default() };
        }
        kept.certificates.begin();
        kept.keys.begin();
        kept.opened.begin();
        kept.identities.begin();
        Self { store, certificates: HashMap::new(), keys: HashMap::new(), ids: HashMap::new(), parsed: 0 }
    }

    /// The start has succeeded: drops what its configuration does not name.
    pub fn finish(mut self) -> Summary {
        let (read, parsed) = (self.certificates.len() + self.keys.len(), self.parsed);
        let store = self.store();
        store.certificates.sweep();
        store.keys.sweep();
        store.opened.sweep();
        store.identities.sweep();
        Summary { identities: store.identities.0.len(), read, parsed }
    }

    fn store(&mut self) -> &mut Store {
        self.store.get_or_insert_default()
    }

    /// The certificates of a file.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub fn certificates(&mut self, file: &Path) -> Result<Arc<Certificates>, CertificateError> {
        if let Some(known) = self.certificates.get(file) {
            return Ok(Arc::clone(known));
        }
        // Keys are often in the same file.
        let pem = load::read_secret(file).map_err(CertificateError::Unreadable)?;
        let digest = sha256(&pem);
        let kept = digest.and_then(|digest| self.store().certificates.get(&digest));
        let certificates = match kept {
            Some(kept) => kept,
            None => {
                let parsed = Arc::new(Certificates::parse(&pem, digest)?);
                self.parsed += 1;
                if let Some(digest) = digest {
                    self.store().certificates.put(digest, &parsed);
                }
                parsed
            }
        };
        self.certificates.insert(file.to_owned(), Arc::clone(&certificates));
        Ok(certificates)
    }

    /// The key of a file.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn key(&mut self, file: &Path) -> Result<Found, KeyError> {
        if let Some(known) = self.keys.get(file) {
            return Ok(Found::Key(known.clone()));
        }
        let bytes = load::read_key_file(file).map_err(KeyError::Unreadable)?;
        let digest = sha256(&bytes);
        let kept = digest.and_then(|digest| self.store().keys.get_noting(&digest));
        if let Some((key, was_named)) = kept {
            self.keys.insert(file.to_owned(), key.clone());
            let is_news = key.form == Form::Encrypted && !was_named;
            return Ok(if is_news { Found::Kept(key) } else { Found::Key(key) });
        }
        let (key, form) = match load::plain_pem_key(&bytes) {
            Some(key) => (key, Form::Pem),
            None => match load::private_key_from_bytes(&bytes, None) {
                Ok(key) => (key, Form::Bare),
                Err(KeyError::Encrypted) => return Ok(Found::Locked(Locked { bytes, digest })),
                Err(error) => return Err(error),
            },
        };
        Ok(Found::Key(self.add(file, Key::new(key, form, digest))))
    }

    /// Takes a key that a pass phrase has opened.
    pub fn add_opened(&mut self, file: &Path, locked: &Locked, key: PKey<Private>) -> Key {
        self.add(file, Key::new(key, Form::Encrypted, locked.digest))
    }

    fn add(&mut self, file: &Path, key: Key) -> Key {
        self.parsed += 1;
        if let Some(digest) = key.digest {
            self.store().keys.put(digest, &key);
        }
        self.keys.insert(file.to_owned(), key.clone());
        key
    }

    /// Remembers which key an id stands for, in case that its file changes
    /// and nobody opens the new one.
    pub fn remember(&mut self, key_id: &str, key: &Key) {
        self.store().opened.put(key_id.to_owned(), key);
    }

    /// The key that an id stood for in the last configuration. It goes on to
    /// stand for the file.
    pub fn key_from_before(&mut self, key_id: &str, file: &Path, fits: impl Fn(&Key) -> bool) -> Option<Key> {
        let (key, _) = self.store().opened.0.get(key_id)?;
        let key = Some(key.clone()).filter(fits)?;
        self.remember(key_id, &key);
        self.keys.insert(file.to_owned(), key.clone());
        Some(key)
    }

    /// What is in the files of a list; their order does not matter.
    pub fn file_ids(&mut self, files: &[PathBuf]) -> Vec<FileId> {
        let mut ids: Vec<_> = files.iter().map(|file| self.file_id(file)).collect();
        ids.sort_unstable();
        ids
    }

    /// What is in a file, for digests.
    pub fn file_id(&mut self, file: &Path) -> FileId {
        let id =
            |digest: Option<Digest>| digest.map_or_else(|| FileId::Name(file.to_owned()), FileId::Contents);
        if let Some(certificates) = self.certificates.get(file) {
            return id(certificates.digest);
        }
        if let Some(key) = self.keys.get(file) {
            return id(key.digest);
        }
        if let Some(known) = self.ids.get(file) {
            return known.clone();
        }
        let id = id(load::read_secret(file).ok().and_then(|contents| sha256(&contents)));
        self.ids.insert(file.to_owned(), id.clone());
        id
    }

    /// What is in the files of a folder, by their names; folders in it do not count.
    pub fn folder_ids(&mut self, folder: &Path) -> Vec<(PathBuf, FileId)> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        files.sort_unstable();
        files.into_iter().map(|file| (file.clone(), self.file_id(&file))).collect()
    }

    /// Puts an identity together. `common` is the chain that replaces the
    /// certificate's own, and how many of its certificates to leave out.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub fn identity(
        &mut self,
        certificates: &Certificates,
        key: &Key,
        common: Option<(&Certificates, usize)>,
    ) -> Result<Arc<Identity>, IdentityError> {
        let parts = parts(certificates, key, common);
        if let Some(kept) = parts.and_then(|parts| self.store().identities.get(&parts)) {
            return Ok(kept);
        }
        let replaced: Option<Vec<X509>> =
            common.map(|(common, skipped)| common.all().skip(skipped).cloned().collect());
        let chain = replaced.as_ref().unwrap_or(&certificates.chain);
        let identity = Identity::new(&certificates.leaf, key.key.clone(), chain)?;
        let identity = Arc::new(identity.with_engine(key.engine.clone()));
        if let Some(parts) = parts {
            self.store().identities.put(parts, &identity);
        }
        Ok(identity)
    }
}

/// What the identity is known by; `None` if one of its parts is not.
fn parts(certificates: &Certificates, key: &Key, common: Option<(&Certificates, usize)>) -> Option<Digest> {
    let mut parts = [certificates.digest?, key.digest?].concat();
    if let Some((common, skipped)) = common {
        parts.extend_from_slice(&common.digest?);
        parts.extend_from_slice(&skipped.to_be_bytes());
    }
    sha256(&parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::asn1::Asn1Time;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::x509::X509Name;

    /// The store is one for the process: tests of it take turns.
    static TURN: Mutex<()> = Mutex::new(());

    /// Certificate and key as PEM.
    fn make(name: &str) -> (Vec<u8>, Vec<u8>) {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut subject = X509Name::builder().unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let subject = subject.build();
        let mut builder = X509::builder().unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(&subject).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        (builder.build().to_pem().unwrap(), key.private_key_to_pem_pkcs8().unwrap())
    }

    /// A folder that goes away with the value.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("identities-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
            let path = self.0.join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn plain(loader: &mut Loader, file: &Path) -> Key {
        match loader.key(file).unwrap() {
            Found::Key(key) => key,
            Found::Kept(_) | Found::Locked(_) => panic!("{} is encrypted", file.display()),
        }
    }

    fn load(loader: &mut Loader, certificate: &Path, key: &Path) -> Arc<Identity> {
        let certificates = loader.certificates(certificate).unwrap();
        let key = plain(loader, key);
        loader.identity(&certificates, &key, None).unwrap()
    }

    #[test]
    fn content_decides() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = Folder::new("content");
        let (certificate, key) = make("one.test");
        let files = (folder.write("a.pem", &certificate), folder.write("a.key", &key));
        let copies = (folder.write("b.pem", &certificate), folder.write("b.key", &key));
        let mut pass = Loader::begin(None);
        let first = load(&mut pass, &files.0, &files.1);
        assert!(Arc::ptr_eq(&first, &load(&mut pass, &files.0, &files.1)));
        assert!(Arc::ptr_eq(&first, &load(&mut pass, &copies.0, &copies.1)));
        assert_eq!(pass.finish(), Summary { identities: 1, read: 4, parsed: 2 });

        // The next pass finds what it knows, and drops what it does not name.
        let mut pass = Loader::begin(None);
        assert!(Arc::ptr_eq(&first, &load(&mut pass, &files.0, &files.1)));
        assert_eq!(pass.finish(), Summary { identities: 1, read: 2, parsed: 0 });

        // A key stays with the engine that it was made for.
        let other_device = Loader::begin(Some("engine")).finish();
        assert_eq!(other_device, Summary { identities: 0, read: 0, parsed: 0 });

        let (certificate, key) = make("one.test");
        folder.write("a.pem", &certificate);
        folder.write("a.key", &key);
        let mut pass = Loader::begin(None);
        let second = load(&mut pass, &files.0, &files.1);
        assert!(!Arc::ptr_eq(&first, &second));
        assert_eq!(pass.finish(), Summary { identities: 1, read: 2, parsed: 2 });
        assert_eq!(Arc::strong_count(&first), 1);
    }

    #[test]
    fn chains_are_part_of_an_identity() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = Folder::new("chains");
        let (certificate, key) = make("one.test");
        let (other, other_key) = make("two.test");
        let (certificate, key) = (folder.write("a.pem", &certificate), folder.write("a.key", &key));
        let (other, other_key) = (folder.write("b.pem", &other), folder.write("b.key", &other_key));
        let mut pass = Loader::begin(None);
        let own = load(&mut pass, &certificate, &key);
        let certificates = pass.certificates(&certificate).unwrap();
        let chain = pass.certificates(&other).unwrap();
        let own_key = plain(&mut pass, &key);
        let with = pass.identity(&certificates, &own_key, Some((&chain, 0))).unwrap();
        let without = pass.identity(&certificates, &own_key, Some((&chain, 1))).unwrap();
        assert!(!Arc::ptr_eq(&own, &with) && !Arc::ptr_eq(&with, &without));
        let wrong = plain(&mut pass, &other_key);
        let refused = pass.identity(&certificates, &wrong, None);
        assert!(matches!(refused, Err(IdentityError::Mismatch(errors)) if !errors.is_empty()));
        let missing = pass.key(&folder.0.join("none"));
        assert!(matches!(missing, Err(KeyError::Unreadable(_))));
        assert!(matches!(pass.key(&certificate), Err(KeyError::NotFound(_))));
        assert!(matches!(pass.certificates(&key), Err(CertificateError::Malformed(_))));
    }

    fn describe(found: &Found) -> (&'static str, Option<Form>) {
        match found {
            Found::Key(key) => ("key", Some(key.form)),
            Found::Kept(key) => ("kept", Some(key.form)),
            Found::Locked(_) => ("locked", None),
        }
    }

    #[test]
    fn opened_keys_outlive_their_configuration() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = Folder::new("opened");
        let key = PKey::generate_ed25519().unwrap();
        let encrypt = || {
            let cipher = openssl::symm::Cipher::aes_128_cbc();
            key.private_key_to_pem_pkcs8_passphrase(cipher, b"secret").unwrap()
        };
        let text = encrypt();
        let (file, copy) = (folder.write("a.key", &text), folder.write("b.key", &text));
        let bare = folder.write("c.key", &key.private_key_to_pkcs8().unwrap());

        let mut pass = Loader::begin(None);
        assert_eq!(describe(&pass.key(&bare).unwrap()), ("key", Some(Form::Bare)));
        let Found::Locked(locked) = pass.key(&file).unwrap() else { panic!("not locked") };
        assert!(locked.open(b"wrong").is_none());
        let opened = locked.open(b"secret").unwrap();
        let opened = pass.add_opened(&file, &locked, opened);
        pass.remember("host:443:0", &opened);
        assert_eq!(describe(&pass.key(&file).unwrap()), ("key", Some(Form::Encrypted)));
        assert_eq!(describe(&pass.key(&copy).unwrap()), ("key", Some(Form::Encrypted)));
        pass.finish();

        // The same content is known; for changed content there is the key from before.
        let mut pass = Loader::begin(None);
        assert_eq!(describe(&pass.key(&copy).unwrap()), ("kept", Some(Form::Encrypted)));
        folder.write("a.key", &encrypt());
        assert_eq!(describe(&pass.key(&file).unwrap()), ("locked", None));
        assert!(pass.key_from_before("host:443:0", &file, |_| false).is_none());
        assert!(pass.key_from_before("other:443:0", &file, |_| true).is_none());
        let before = pass.key_from_before("host:443:0", &file, |_| true).unwrap();
        assert!(before.key.public_eq(&key));
        assert_eq!(describe(&pass.key(&file).unwrap()), ("key", Some(Form::Encrypted)));
        pass.finish();

        // It is still there, but only until a configuration does without it.
        let mut pass = Loader::begin(None);
        assert_eq!(describe(&pass.key(&file).unwrap()), ("locked", None));
        pass.finish();
        let mut pass = Loader::begin(None);
        assert!(pass.key_from_before("host:443:0", &file, |_| true).is_none());
        assert_eq!(describe(&pass.key(&copy).unwrap()), ("locked", None));
    }
}
