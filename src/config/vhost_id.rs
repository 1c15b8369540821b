//! The name of a server in messages.

/// `name:port`. A server without a known port has the usual one of what it
/// speaks.
#[must_use]
pub fn vhost_id(name: &str, port: u16, tls: bool) -> String {
    let port = match (port, tls) {
        (0, true) => 443,
        (0, false) => 80,
        (port, _) => port,
    };
    format!("{name}:{port}")
}

/// The id of the key at `index` in the list of a server.
#[must_use]
pub fn key_id(vhost_id: &str, index: usize) -> String {
    format!("{vhost_id}:{index}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        assert_eq!(vhost_id("a", 0, true), "a:443");
        assert_eq!(vhost_id("a", 0, false), "a:80");
        assert_eq!(vhost_id("a", 8443, false), "a:8443");
        assert_eq!(key_id("a:443", 2), "a:443:2");
    }
}
