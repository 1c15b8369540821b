//! What a client writes into extensions of its ClientHello.

use crate::ossl::callback::parse_server_name;
use crate::policy::alpn::{OfferError, split_offer};

/// The contents of a server_name extension: there is a name exactly when RFC 6066 and the limits of a host
/// name allow it, and it is those bytes of the extension that its length says.
pub fn server_name(data: &[u8]) -> bool {
    let name = parse_server_name(data);
    assert_eq!(name.map(str::as_bytes), expected_name(data));
    name.is_some()
}

/// The same by positions instead of patterns.
fn expected_name(data: &[u8]) -> Option<&[u8]> {
    let number = |at: usize| Some(usize::from(*data.get(at)?) * 256 + usize::from(*data.get(at + 1)?));
    let first_is_host_name = data.get(2) == Some(&0);
    let whole = number(0)? + 2 == data.len();
    let name = data.get(5..5 + number(3)?)?;
    let possible = matches!(name.len(), 1..=255) && !name.contains(&0) && std::str::from_utf8(name).is_ok();
    (first_is_host_name && whole && possible).then_some(name)
}

/// A list of protocols: its names, each with its length, make up the whole list; it is refused only if it
/// is empty or its last name is cut off.
pub fn alpn_offer(data: &[u8]) -> bool {
    match split_offer(data) {
        Ok(names) => {
            let mut again = Vec::new();
            for name in &names {
                let name = &data[name.clone()];
                again.push(u8::try_from(name.len()).expect("a length of one byte"));
                again.extend_from_slice(name);
            }
            assert!(!names.is_empty());
            assert_eq!(again, data);
            true
        }
        Err(OfferError::Empty) => {
            assert!(data.is_empty());
            false
        }
        Err(OfferError::Overlong) => {
            assert!(is_cut_off(data), "{data:?}");
            false
        }
    }
}

fn is_cut_off(mut list: &[u8]) -> bool {
    while let [length, rest @ ..] = list {
        match rest.split_at_checked(usize::from(*length)) {
            Some((_, others)) => list = others,
            None => return true,
        }
    }
    false
}
