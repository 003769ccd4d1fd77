//! Mails that say that a mail could not be delivered (RFC 3464).

use crate::kernel::mail::is_about_address;

/// The addresses that do not exist, as a delivery status notification says. Of a mailbox that is full or a mail that was
/// taken for advertising, nothing is said about the address.
pub fn addresses(mail: &str) -> Vec<String> {
    // Fields may go on over several lines (RFC 5322 §2.2.3).
    let mail = mail.replace("\r\n", "\n");
    let mail = mail.replace("\n ", " ").replace("\n\t", " ");
    let mut found: Vec<String> = Vec::new();
    for block in mail.split("\n\n") {
        let field = |name: &str| {
            block.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.trim()
                    .eq_ignore_ascii_case(name)
                    .then(|| value.trim().to_owned())
            })
        };
        let failed = field("Action").is_some_and(|action| action.eq_ignore_ascii_case("failed"));
        let said = field("Diagnostic-Code").unwrap_or_default();
        let none = field("Status").is_some_and(|status| {
            let status = status.split_ascii_whitespace().next().unwrap_or_default();
            is_about_address(status, &said)
        });
        // The address behind the name of its kind, such as `rfc822; ana@mail.example` (§2.3.2).
        let named = field("Original-Recipient").or_else(|| field("Final-Recipient"));
        let address = named.and_then(|named| {
            let (_, address) = named.split_once(';')?;
            Some(address.trim().trim_matches(['<', '>']).to_lowercase())
        });
        if let Some(address) = address.filter(|address| failed && none && address.contains('@'))
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn only_addresses_that_do_not_exist_are_told() {
        let mail = "From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nYour mail to old@mail.example could not be delivered.\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; Old@Mail.example\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\nFinal-Recipient: rfc822; full@mail.example\r\nAction: failed\r\nStatus: 5.2.2\r\n\r\nFinal-Recipient: rfc822; later@mail.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n\r\n--b--\r\n";
        assert_eq!(addresses(mail), ["old@mail.example"]);
        assert!(addresses("hello ana@mail.example").is_empty());
    }
}
