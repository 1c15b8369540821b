//! Addresses that start with `http://`, as responders and proxies have them.

use thiserror::Error;

/// A URL that a request can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpUrl {
    /// Name or address; an IPv6 address without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What is asked for: path and query, `/` at least.
    pub target: String,
}

/// Why a text is no such URL.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum UrlError {
    /// Not of the form `scheme://host[:port][/path][?query]`, or with bytes that no URL has.
    #[error("not a URL")]
    Malformed,
    /// Another scheme.
    #[error("not http")]
    Scheme,
}

impl HttpUrl {
    /// Reads a URL. It may come out of a certificate and goes into the head of a request, so blanks and
    /// control characters are not let through.
    ///
    /// # Errors
    /// See [`UrlError`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(UrlError::Malformed);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Malformed)?;
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(UrlError::Scheme);
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = split_authority(authority).ok_or(UrlError::Malformed)?;
        let root = if target.starts_with('/') { "" } else { "/" };
        Ok(Self { host: host.to_owned(), port, target: format!("{root}{target}") })
    }

    /// `host:port`, with brackets around an IPv6 address.
    #[must_use]
    pub fn authority(&self) -> String {
        let (host, port) = (&self.host, self.port);
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// Host and port. User names are refused: there is nobody who would take them.
fn split_authority(authority: &str) -> Option<(&str, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let is_named = !host.is_empty() && !host.contains(['@', '[', ']', '\\']);
    let port = match port.filter(|port| !port.is_empty()) {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok()?,
        Some(_) => return None,
        None => 80,
    };
    (is_named && port != 0).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, host, port, target) in [
            ("http://a", "a", 80, "/"),
            ("HTTP://a.test:8080", "a.test", 8080, "/"),
            ("http://a:/x", "a", 80, "/x"),
            ("http://a/x/y?z=1", "a", 80, "/x/y?z=1"),
            ("http://a?z", "a", 80, "/?z"),
            ("http://a/x#part", "a", 80, "/x"),
            ("http://127.0.0.1:1/", "127.0.0.1", 1, "/"),
            ("http://[::1]:8080/o", "::1", 8080, "/o"),
            ("http://[::1]", "::1", 80, "/"),
        ] {
            let url = HttpUrl { host: host.to_owned(), port, target: target.to_owned() };
            assert_eq!(HttpUrl::parse(text), Ok(url), "{text}");
        }
        for (text, error) in [
            ("https://a/", UrlError::Scheme),
            ("ldap://a/", UrlError::Scheme),
            ("a", UrlError::Malformed),
            ("", UrlError::Malformed),
            ("http://", UrlError::Malformed),
            ("http:///x", UrlError::Malformed),
            ("http://:80/", UrlError::Malformed),
            ("http://a:0/", UrlError::Malformed),
            ("http://a:65536/", UrlError::Malformed),
            ("http://a:x/", UrlError::Malformed),
            ("http://a:+1/", UrlError::Malformed),
            ("http://u@a/", UrlError::Malformed),
            ("http://u:p@a/", UrlError::Malformed),
            ("http://::1/", UrlError::Malformed),
            ("http://[::1/", UrlError::Malformed),
            ("http://[x]/", UrlError::Malformed),
            ("http://[::1]x/", UrlError::Malformed),
            ("http://a/x y", UrlError::Malformed),
            ("http://a/\r\nHost: b", UrlError::Malformed),
            ("http://ä/", UrlError::Malformed),
        ] {
            assert_eq!(HttpUrl::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn authorities() {
        for (text, authority) in [("http://a/", "a:80"), ("http://[::1]:8/", "[::1]:8")] {
            assert_eq!(HttpUrl::parse(text).unwrap().authority(), authority);
        }
    }
}
