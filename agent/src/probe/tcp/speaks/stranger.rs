//! Who answers there instead: protocols that tell themselves apart by their first bytes.

/// What people call the protocol whose server begins, or answers what it does not understand, in
/// this way; `None` when nothing is sure.
pub(crate) fn recognised(first: &[u8]) -> Option<&'static str> {
    let begins = |word: &str| first.starts_with(word.as_bytes());
    let line = first.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let mentions = |word: &str| {
        line.to_ascii_uppercase().windows(word.len()).any(|part| part == word.as_bytes())
    };
    match first {
        [0x15 | 0x16, 3, 0..=4, ..] => return Some("TLS"),
        [_, _, 0, 0, 10, b'0'..=b'9', ..] => return Some("MySQL"),
        // The high half of an error number; PostgreSQL has letters there.
        [_, _, 0, 0, 0xff, _, 3..=0x10, ..] => return Some("MySQL"),
        [b'E' | b'R' | b'N' | b'S', 0, 0, ..] => return Some("PostgreSQL"),
        [0x20, 2, 0 | 1, _, ..] => return Some("MQTT"),
        [0x30, _, 2, 1, ..] => return Some("LDAP"),
        [0xff, 0xfb..=0xfe, ..] => return Some("Telnet"),
        _ => {}
    }
    Some(match () {
        () if begins("SSH-") => "SSH",
        () if begins("HTTP/") || begins("<!DOCTYPE") || begins("<html") => "HTTP",
        () if begins("AMQP") => "AMQP",
        () if begins("RFB 00") => "VNC",
        () if begins("@RSYNCD:") => "rsync",
        () if begins("+PONG") || begins("-NOAUTH ") || begins("-DENIED Redis") => "Redis",
        () if begins("-ERR ") && (mentions("COMMAND") || mentions("PROTOCOL ERROR")) => "Redis",
        () if begins("+OK") => "POP3",
        () if begins("* OK") || begins("* PREAUTH") || begins("* BYE") => "IMAP",
        () if begins("VERSION ") || line.trim_ascii_end() == b"ERROR" => "memcached",
        () if begins("220") && mentions("FTP") => "FTP",
        () if begins("220") && (mentions("SMTP") || mentions("MAIL")) => "SMTP",
        () => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_by_table() {
        for (first, expected) in [
            (&b"SSH-2.0-OpenSSH_9.2p1\r\n"[..], Some("SSH")),
            (b"HTTP/1.1 400 Bad Request\r\n", Some("HTTP")),
            (b"R\0\0\0\x08\0\0\0\0", Some("PostgreSQL")),
            (b"E\0\0\0\x2fSFATAL\0", Some("PostgreSQL")),
            (b"\x4a\0\0\0\x0a8.0.36\0", Some("MySQL")),
            (b"\x17\0\0\0\xff\x10\x04Too many connections", Some("MySQL")),
            (b"\x15\x03\x01\0\x02\x02\x46", Some("TLS")),
            (b"-ERR unknown command 'EHLO'\r\n", Some("Redis")),
            (b"+OK Dovecot ready.\r\n", Some("POP3")),
            (b"* OK [CAPABILITY IMAP4rev1]\r\n", Some("IMAP")),
            (b"220 mail.example ESMTP Postfix\r\n", Some("SMTP")),
            (b"220 (vsFTPd 3.0.3)\r\n", Some("FTP")),
            (b"220 ready\r\n", None),
            (b"ERROR\r\n", Some("memcached")),
            (b"\x20\x02\x00\x05", Some("MQTT")),
            (b"0\x0c\x02\x01\x01a\x07", Some("LDAP")),
            (b"AMQP\0\0\x09\x01", Some("AMQP")),
            (b"RFB 003.008\n", Some("VNC")),
            (b"\xff\xfd\x18", Some("Telnet")),
            (b"hello", None),
            (b"", None),
        ] {
            assert_eq!(recognised(first), expected, "{:?}", String::from_utf8_lossy(first));
        }
    }
}
