use super::make::*;
use super::pipe::Pair;
use crate::ossl::callback::{self, ServerEvents, TicketStatus, TicketVerdict, Wanted};
use crate::ossl::session::SessionRef;
use crate::ossl::ssl::SslRef;

/// Staples these bytes, if the certificate in question has this name.
struct Staple(&'static str, Option<&'static [u8]>);

impl ServerEvents for Staple {
    plain_answers!();
    fn ticket_seal(&self, _: &SslRef, _: &SessionRef) {}
    fn ticket_open(&self, _: &SslRef, _: &SessionRef, _: TicketStatus) -> TicketVerdict {
        TicketVerdict::Ignore
    }
    fn status(&self, ssl: &SslRef) -> Option<Vec<u8>> {
        assert_eq!(subject(&ssl.certificate().unwrap()), self.0);
        self.1.map(<[u8]>::to_vec)
    }
}

#[test]
fn responses_are_stapled_when_asked_for() {
    for version in [TLS12, TLS13] {
        for (asks, answers, response) in [
            (true, true, Some(&b"response"[..])),
            (true, true, Some(b"")),
            (true, true, None),
            (false, true, Some(b"response")),
            (true, false, Some(b"response")),
        ] {
            let ctx = only(server(Kind::Rsa), version);
            // Two certificates: the one that will be sent is the one in question.
            let other = identity_for("chosen.test", Kind::Ecdsa);
            ctx.install(&other.cert, &other.key, &other.chain).unwrap();
            answer(&ctx, Staple("chosen.test", response), Wanted::default());
            if answers {
                callback::answer_status(&ctx);
            }
            let client = client();
            client.set_cipher_list(c"ECDHE-ECDSA-AES128-GCM-SHA256").unwrap();
            let pair = Pair::new(&client, &ctx);
            if asks {
                pair.client.request_ocsp_response();
            }
            pair.open();
            let wanted = if asks && answers { response.unwrap_or_default() } else { b"" };
            let sent = subject(&pair.client.peer_certificate().unwrap()) == "chosen.test";
            assert!(sent || !asks, "{version:x}");
            assert_eq!(pair.client.ocsp_response(), wanted, "{version:x} {asks} {answers}");
        }
    }
}
