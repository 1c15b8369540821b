use std::ops::Range;

use super::make::*;
use super::pipe::Pair;
use crate::ossl::callback::{
    AlpnVerdict, ClientHello, HelloVerdict, ServerEvents, SniVerdict, TicketStatus, TicketVerdict, Wanted,
};
use crate::ossl::session::SessionRef;
use crate::ossl::ssl::SslRef;

struct Choose(fn(&[u8]) -> AlpnVerdict);

impl ServerEvents for Choose {
    fn client_hello(&self, _: &SslRef, _: &ClientHello<'_>) -> HelloVerdict {
        HelloVerdict::Continue
    }
    fn server_name(&self, _: &SslRef) -> SniVerdict {
        SniVerdict::NoAck
    }
    fn alpn(&self, _: &SslRef, offered: &[u8]) -> AlpnVerdict {
        (self.0)(offered)
    }
    fn ticket_seal(&self, _: &SslRef, _: &SessionRef) {}
    fn ticket_open(&self, _: &SslRef, _: &SessionRef, _: TicketStatus) -> TicketVerdict {
        TicketVerdict::Use
    }
}

fn find(offered: &[u8], wanted: &[u8]) -> Option<Range<usize>> {
    let mut at = 0;
    while at < offered.len() {
        let name = at + 1..at + 1 + usize::from(offered[at]);
        if &offered[name.clone()] == wanted {
            return Some(name);
        }
        at = name.end;
    }
    None
}

fn h2_or_nothing(offered: &[u8]) -> AlpnVerdict {
    find(offered, b"h2").map_or(AlpnVerdict::NoAck, AlpnVerdict::Select)
}

#[test]
fn what_is_selected_is_what_both_sides_see() {
    for version in [TLS12, TLS13] {
        for (offer, selected) in [
            (&b"\x02h2\x08http/1.1"[..], &b"h2"[..]),
            (b"\x08http/1.1\x02h2", b"h2"),
            (b"\x03foo\x02h2", b"h2"),
            // No overlap is no failure: the handshake goes on without.
            (b"\x08http/1.1", b""),
            (b"\x03foo", b""),
        ] {
            let server = only(server(Kind::Ecdsa), version);
            answer(&server, Choose(h2_or_nothing), Wanted::default());
            let pair = Pair::new(&client(), &server);
            assert!(pair.client.set_alpn_offer(offer));
            pair.open();
            pair.talk();
            assert_eq!((pair.client.alpn(), pair.server.alpn()), (selected.to_vec(), selected.to_vec()));
        }
    }
}

#[test]
fn without_the_extension_nobody_is_asked() {
    let server = server(Kind::Ecdsa);
    answer(&server, Choose(|_| panic!("asked")), Wanted::default());
    let pair = Pair::new(&client(), &server);
    pair.open();
    assert!(pair.server.alpn().is_empty());
}

#[test]
fn refusals_and_nonsense_end_the_handshake() {
    let verdicts: [fn(&[u8]) -> AlpnVerdict; 5] = [
        |_| AlpnVerdict::Fatal,
        |offered| AlpnVerdict::Select(1..offered.len() + 1),
        |_| AlpnVerdict::Select(2..2),
        #[expect(clippy::reversed_empty_ranges, reason = "nonsense is the point")]
        |_| AlpnVerdict::Select(3..1),
        |_| AlpnVerdict::Select(0..300),
    ];
    let mut long = Vec::new();
    for _ in 0..40 {
        long.extend(b"\x08longname");
    }
    for (number, verdict) in verdicts.into_iter().enumerate() {
        let server = server(Kind::Ecdsa);
        answer(&server, Choose(verdict), Wanted::default());
        let pair = Pair::new(&client(), &server);
        assert!(pair.client.set_alpn_offer(&long));
        let (there, here) = pair.shake();
        let stopped = there.unwrap_err();
        assert!(stopped.errors()[0].text.ends_with("alert no application protocol"), "{number} {stopped:?}");
        assert!(!here.unwrap_err().errors().is_empty(), "{number}");
    }
}
