//! `<Proxy>` sections with settings of their own.

use super::policy::ProxyPolicy;
use crate::config::proxy::ProxyConfig;
use crate::httpd::Server;
use std::cell::{Ref, RefCell, RefMut};
use std::sync::{Arc, PoisonError, RwLock};

/// A section that has lines of `SSLProxy...`.
pub struct Section {
    /// Which one it is, for messages.
    pub title: String,
    /// What its lines say; for the configuration pass alone, which has one thread.
    declared: RefCell<ProxyConfig>,
    /// What start-up made of it for each server that it applies to. A server is known by the address of its record,
    /// which lives as long as this. `None`: TLS to other servers is off.
    made: RwLock<Vec<(usize, Option<Arc<ProxyPolicy>>)>>,
}

impl Section {
    /// One whose lines are about to be read.
    #[must_use]
    pub fn new(title: String) -> Self {
        Self { title, declared: RefCell::default(), made: RwLock::default() }
    }

    /// The values, to change them.
    pub fn declared_mut(&self) -> RefMut<'_, ProxyConfig> {
        self.declared.borrow_mut()
    }

    /// The values.
    pub fn declared(&self) -> Ref<'_, ProxyConfig> {
        self.declared.borrow()
    }

    /// Whether start-up has been here already.
    #[must_use]
    pub fn is_complete(&self, server: Server<'_>) -> bool {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        made.iter().any(|(of, _)| *of == server.as_ptr().addr())
    }

    /// Start-up made this of it.
    pub fn complete(&self, server: Server<'_>, policy: Option<Arc<ProxyPolicy>>) {
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        made.push((server.as_ptr().addr(), policy));
    }

    /// The terms of connections from `server`; none if TLS is off.
    #[must_use]
    pub fn policy(&self, server: Server<'_>) -> Option<Arc<ProxyPolicy>> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        made.iter().find(|(of, _)| *of == server.as_ptr().addr())?.1.clone()
    }
}
