use super::*;

#[test]
fn a_full_sip_uri() {
    let uri = Uri::parse(b"SIP:alice;x=1:secret@[2001:db8::1]:5070;transport=tcp;lr?Subject=a").unwrap();
    assert_eq!(uri.scheme(), Scheme::Sip);
    assert_eq!(uri.scheme_bytes(), b"SIP");
    assert_eq!(uri.user(), Some(&b"alice;x=1"[..]));
    assert_eq!(uri.password(), Some(&b"secret"[..]));
    assert_eq!(uri.host(), b"[2001:db8::1]");
    assert_eq!(uri.port(), Some(5070));
    assert_eq!(uri.param(b"Transport"), Some(Some(&b"tcp"[..])));
    assert_eq!(uri.param(b"lr"), Some(None));
    assert_eq!(uri.param(b"maddr"), None);
    assert_eq!(uri.headers(), Some(&b"Subject=a"[..]));
    assert_eq!(uri.ip(), "2001:db8::1".parse().ok());
}

#[test]
fn tel_and_unknown_schemes() {
    let tel = Uri::parse(b"tel:+1-202-555-0142;phone-context=example.com").unwrap();
    assert!(tel.is_tel());
    assert_eq!(tel.user(), Some(&b"+1-202-555-0142"[..]));
    assert_eq!(tel.param(b"phone-context"), Some(Some(&b"example.com"[..])));
    let other = Uri::parse(b"urn:service:sos").unwrap();
    assert_eq!(other.scheme(), Scheme::Other);
    assert_eq!(other.host(), b"");
}

#[test]
fn what_is_not_a_uri() {
    for text in [
        "",
        ":",
        "sip",
        "sip:",
        "sip:a@",
        "sip:@h",
        "sip:a@b@c",
        "sip:h:",
        "sip:h:65536",
        "sip:h:-1",
        "sip:[::1",
        "sip:[::1%25eth0]",
        "sip:2001:db8::10",
        "sip:h x",
        "<sip:h>",
        "100@192.0.2.1",
        "sip:h\u{e4}",
        "tel:",
        "urn:",
        "1a:b",
        "sip:a b@h",
        "sip:h;a=<b>",
    ] {
        assert!(Uri::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn what_is_leniently_a_uri() {
    for text in [
        "sip:[2001:db8:::192.0.2.1]",
        "sip:#31#5550142@h",
        "sip:a_b@ho_st",
        "sip:999.999.1.1",
        "sip:a@h;",
    ] {
        assert!(Uri::parse(text.as_bytes()).is_ok(), "{text}");
    }
}
