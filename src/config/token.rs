//! Keys and certificates that are not in files: `pkcs11:` identifiers (RFC 7512).

use std::borrow::Cow;
use std::path::Path;

const SCHEME: &str = "pkcs11:";

/// Whether an argument is an identifier and not the name of a file. In lower case only.
#[must_use]
pub fn is_identifier(argument: &[u8]) -> bool {
    argument.starts_with(SCHEME.as_bytes())
}

/// The identifier, if a certificate or key "file" is one.
#[must_use]
pub fn identifier(file: &Path) -> Option<Cow<'_, str>> {
    let bytes = file.as_os_str().as_encoded_bytes();
    is_identifier(bytes).then(|| String::from_utf8_lossy(bytes))
}

/// What stands before the first colon.
#[must_use]
pub fn scheme(identifier: &str) -> Option<&str> {
    identifier.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| !scheme.is_empty())
}

/// The name of a file, or an identifier without the PIN it may hold, for messages.
#[must_use]
pub fn shown(file: &Path) -> Cow<'_, str> {
    match identifier(file) {
        Some(identifier) => Cow::Owned(without_pin(&identifier)),
        None => file.to_string_lossy(),
    }
}

/// Replaces the value of each `pin-value`. Attributes are separated by `;`, and those behind the `?` by `&`.
fn without_pin(identifier: &str) -> String {
    let attributes = identifier.strip_prefix(SCHEME).unwrap_or(identifier);
    let (path, query) = match attributes.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (attributes, None),
    };
    let mut text = format!("{SCHEME}{}", hidden(path, ';'));
    if let Some(query) = query {
        text.push('?');
        text.push_str(&hidden(query, '&'));
    }
    text
}

fn hidden(attributes: &str, separator: char) -> String {
    let mut text = String::with_capacity(attributes.len());
    for part in attributes.split_inclusive(separator) {
        let (attribute, end) =
            part.strip_suffix(separator).map_or((part, ""), |one| (one, &part[one.len()..]));
        match attribute.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("pin-value") && !value.is_empty() => {
                text.push_str(name);
                text.push_str("=***");
            }
            _ => text.push_str(attribute),
        }
        text.push_str(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        for (argument, is) in [
            ("pkcs11:", true),
            ("pkcs11:object=x", true),
            ("PKCS11:x", false),
            ("file:/x", false),
            ("", false),
        ] {
            assert_eq!(is_identifier(argument.as_bytes()), is, "{argument}");
            assert_eq!(identifier(Path::new(argument)).is_some(), is);
        }
        assert_eq!(scheme("pkcs11:object=x:y"), Some("pkcs11"));
        assert_eq!(scheme("x"), None);
        assert_eq!(scheme(":x"), None);
    }

    #[test]
    fn no_pin_is_shown() {
        for (identifier, text) in [
            ("pkcs11:object=x", "pkcs11:object=x"),
            ("pkcs11:object=x;pin-value=1234", "pkcs11:object=x;pin-value=***"),
            ("pkcs11:object=x?pin-value=1234&module-name=m", "pkcs11:object=x?pin-value=***&module-name=m"),
            ("pkcs11:pin-value=12=34;object=x", "pkcs11:pin-value=***;object=x"),
            ("pkcs11:PIN-VALUE=1?Pin-Value=2", "pkcs11:PIN-VALUE=***?Pin-Value=***"),
            ("pkcs11:pin-value=1&2:3;object=x", "pkcs11:pin-value=***;object=x"),
            ("pkcs11:x?pin-value=1;2?3", "pkcs11:x?pin-value=***"),
            ("pkcs11:pin-source=/etc/pin", "pkcs11:pin-source=/etc/pin"),
            ("pkcs11:pin-value=", "pkcs11:pin-value="),
            ("/etc/x;pin-value=1", "/etc/x;pin-value=1"),
        ] {
            assert_eq!(shown(Path::new(identifier)), text);
        }
    }
}
