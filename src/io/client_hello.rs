//! How much of the first flight of a client has come.
//!
//! While a client takes its time with its ClientHello, its bytes are kept as
//! they are: OpenSSL would need buffers of 16 KB for each of a record and a
//! message to wait with.

/// The most that is kept. A longer ClientHello goes to OpenSSL piece by piece.
pub const MOST: usize = 8 * 1024;
/// Type, version and length of a record (RFC 8446, section 5.1).
const RECORD_HEADER: usize = 5;
/// Type and length of a handshake message (section 4).
const MESSAGE_HEADER: usize = 4;
const HANDSHAKE_RECORD: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// The longest record in the clear.
const RECORD: usize = 1 << 14;

/// How many bytes can be asked for before OpenSSL has something to do: those
/// up to the next boundary between records or between header and payload. 0
/// when the ClientHello is complete, and for everything that is none, or does
/// not fit: OpenSSL says what is wrong with that.
#[must_use]
pub fn missing(flight: &[u8]) -> usize {
    Flight { rest: flight, message: [0; MESSAGE_HEADER], payload: 0 }
        .missing()
        .min(MOST.saturating_sub(flight.len()))
}

struct Flight<'f> {
    rest: &'f [u8],
    message: [u8; MESSAGE_HEADER],
    payload: usize,
}

impl Flight<'_> {
    fn missing(mut self) -> usize {
        while !self.is_complete() {
            let Some((header, rest)) = self.rest.split_first_chunk::<RECORD_HEADER>() else {
                let is_record = self.rest.first().is_none_or(|first| *first == HANDSHAKE_RECORD);
                return if is_record { RECORD_HEADER - self.rest.len() } else { 0 };
            };
            let [kind, _, _, high, low] = *header;
            let length = usize::from(u16::from_be_bytes([high, low]));
            if kind != HANDSHAKE_RECORD || length == 0 || length > RECORD {
                return 0;
            }
            let (here, rest) = rest.split_at(length.min(rest.len()));
            self.take(here);
            if self.payload > 0 && self.message[0] != CLIENT_HELLO {
                return 0;
            }
            if here.len() < length {
                return length - here.len();
            }
            self.rest = rest;
        }
        0
    }

    fn take(&mut self, payload: &[u8]) {
        if let Some(room) = self.message.get_mut(self.payload..) {
            let count = room.len().min(payload.len());
            room[..count].copy_from_slice(&payload[..count]);
        }
        self.payload += payload.len();
    }

    fn is_complete(&self) -> bool {
        let [_, a, b, c] = self.message.map(usize::from);
        self.payload >= MESSAGE_HEADER && self.payload - MESSAGE_HEADER >= (a << 16 | b << 8 | c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [&[22, 3, 1], &length[..], payload].concat()
    }

    fn hello(body: usize) -> Vec<u8> {
        let length = u32::try_from(body).unwrap().to_be_bytes();
        [&[1], &length[1..], &vec![7; body]].concat()
    }

    #[test]
    fn what_is_none_is_for_openssl() {
        for flight in [
            &b"G"[..],
            b"GET / HTTP/1.1\r\n",
            b"\x80\x2e\x01\x03\x01",
            b"\x16\x03\x01\x00\x00",
            b"\x16\x03\x01\xff\xff",
            b"\x16\x03\x01\x00\x05\x02",
            b"\x15\x03\x01\x00\x02\x01\x00",
        ] {
            assert_eq!(missing(flight), 0, "{flight:?}");
        }
    }

    #[test]
    fn it_is_complete_at_its_last_byte_alone() {
        for size in [1, 2, 3, 5, 50, 204] {
            let flight: Vec<u8> = hello(200).chunks(size).flat_map(record).collect();
            for end in 0..flight.len() {
                let asked = missing(&flight[..end]);
                assert!(asked > 0 && end + asked <= flight.len(), "{size}, {end}: {asked}");
            }
            assert_eq!(missing(&flight), 0, "{size}");
            // What follows in the same segment changes nothing.
            assert_eq!(missing(&[&flight[..], b"more"].concat()), 0, "{size}");
        }
    }

    #[test]
    fn no_more_than_so_much_is_kept() {
        let flight = record(&hello(RECORD - MESSAGE_HEADER));
        assert_eq!(missing(&flight[..100]), MOST - 100);
        assert_eq!(missing(&flight[..MOST]), 0);
        assert_eq!(missing(&flight), 0);
    }
}
