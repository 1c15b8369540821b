//! What a client writes into extensions of its ClientHello.

use crate::io::client_hello::{MOST, missing};
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

/// The first flight of a client, as it is gathered: what is asked for never goes beyond the ClientHello, nor
/// beyond the limit; what is complete stays so. It is good if it is a whole ClientHello.
pub fn client_hello(data: &[u8]) -> bool {
    let mut have = 0;
    loop {
        let missing = missing(&data[..have]);
        assert!(have + missing <= MOST);
        if missing == 0 {
            break;
        }
        have += missing;
        if have > data.len() {
            return false;
        }
    }
    assert_eq!(missing(data), 0);
    // Nothing but the rest of the record that the message ends in may lie behind it.
    match payload(&data[..have]).as_deref() {
        Some(message @ [1, a, b, c, ..]) => {
            message.len() >= 4 + (usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c))
        }
        _ => false,
    }
}

/// What is in records of a handshake, if there is nothing else.
fn payload(mut flight: &[u8]) -> Option<Vec<u8>> {
    let mut payload = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = flight {
        let length = usize::from(*high) * 256 + usize::from(*low);
        if *kind != 22 {
            return None;
        }
        payload.extend_from_slice(rest.get(..length)?);
        flight = &rest[length..];
    }
    flight.is_empty().then_some(payload)
}
