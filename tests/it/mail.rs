//! Mail on its way out, and mail that comes back.

use std::sync::Arc;

use afterparty::accounts::bounces;
use afterparty::kernel::mail::{Letter, Mailer, Sent};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::{shared, smtp};

const LETTER: Letter = Letter {
    to: "ana@mail.example",
    subject: "Doors at nine",
    text: "Come.",
    html: "<p>Come.</p>",
    stop: None,
};

/// What a server has that nobody vouches for.
fn acceptor() -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Cases 95, 97 and 99: STARTTLS comes first where there is any, a mail that must be protected does not leave
/// otherwise, and each has its id and its date.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_leave_protected_and_with_an_id() {
    for (offers, parameter, arrives, in_the_open) in [
        (true, "", true, false),
        (true, "?tls=required", false, false),
        (true, "?tls=none", true, true),
        (false, "", true, true),
        (false, "?tls=required", false, false),
        (false, "?tls=opportunistic", true, true),
        (false, "?tls=none", true, true),
    ] {
        let case = format!("offers {offers}, {parameter}");
        let (address, mails, said) = smtp::start_with(offers.then(acceptor)).await;
        let url = format!("smtp://user:secret@{address}{parameter}");
        let mailer = Mailer::new(&url, "House <noreply@house.example>").unwrap();
        let checked = mailer.check().await;
        assert_eq!(checked.is_ok(), arrives, "{case}: {checked:?}");
        let sent = mailer.send(&LETTER).await;
        assert_eq!(sent.ok(), arrives.then_some(Sent::Taken), "{case}");
        let said = said.lock().unwrap().join("\n");
        assert_eq!(said.contains("AUTH"), in_the_open, "{case}: {said}");
        assert_eq!(said.contains("MAIL FROM"), in_the_open, "{case}: {said}");
        let mails = mails.lock().unwrap();
        assert_eq!(mails.len(), usize::from(arrives), "{case}");
        for mail in &*mails {
            let id = mail
                .text
                .lines()
                .find(|line| line.starts_with("Message-ID: <"));
            assert!(
                id.is_some_and(|id| id.ends_with("@house.example>")),
                "{}",
                mail.text
            );
            assert!(
                mail.text.lines().any(|line| line.starts_with("Date: ")),
                "{}",
                mail.text
            );
        }
    }
}

/// Cases 101, 103 and 105.
#[test]
fn mails_that_came_back_are_read_as_they_mean_it() {
    for (number, wanted) in [
        ("101", &["ana@gone.example"][..]),
        ("103", &[]),
        ("105", &["ana@mail.example"]),
    ] {
        let Some(folder) = shared() else { return };
        let text = std::fs::read_to_string(folder.join(format!("cases/{number}.txt"))).unwrap();
        for text in [text.clone(), text.replace('\n', "\r\n")] {
            assert_eq!(bounces::addresses(&text), wanted, "{number}");
        }
    }
}
