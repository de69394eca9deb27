use super::*;

fn elements(value: &[u8]) -> std::vec::Vec<&[u8]> {
    Elements::new(value).collect()
}

#[test]
fn commas_in_quotes_and_brackets_do_not_split() {
    assert_eq!(
        elements(b"\"a, \\\", b\" <sip:x,y@h>;p=\"1,2\" , <sip:z@h>"),
        [&b"\"a, \\\", b\" <sip:x,y@h>;p=\"1,2\""[..], b"<sip:z@h>"]
    );
}

#[test]
fn empty_elements_are_left_out() {
    assert_eq!(elements(b" , a,,b ,\r\n "), [b"a", b"b"]);
    assert!(elements(b"").is_empty());
}

#[test]
fn unclosed_quotes_and_brackets_end_the_list() {
    assert_eq!(elements(b"a,\"b,c"), [&b"a"[..], b"\"b,c"]);
    assert_eq!(elements(b"a,<b,c"), [&b"a"[..], b"<b,c"]);
    assert_eq!(elements(b"\"\\"), [b"\"\\"]);
}

#[test]
fn numbers_do_not_wrap() {
    assert_eq!(number(b"4294967295"), Some(u32::MAX));
    assert_eq!(number(b"4294967296"), None);
    assert_eq!(number(b"0000000000000001"), Some(1));
    assert_eq!(number(b""), None);
    assert_eq!(number(b"+1"), None);
    assert_eq!(port(b"65536"), None);
}

#[test]
fn hosts() {
    assert_eq!(host_end(b"[2001:db8::1]:5060", 0), Some(13));
    assert_eq!(host_end(b"[2001:db8::1", 0), None);
    assert_eq!(host_end(b"[]", 0), None);
    assert_eq!(host_end(b"a-b_c.example;x", 0), Some(13));
    assert_eq!(host_end(b";x", 0), None);
}
