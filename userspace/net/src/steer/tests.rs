use std::net::IpAddr;

use trunkline_xdp_abi::Address;
use trunkline_xdp_abi::map::SourceKey;

use super::{Source, SteerError};

#[test]
fn a_prefix_becomes_a_key_without_host_bits() {
    let key = |address: &str, prefix_len| {
        Source {
            zone: 3,
            address: address.parse::<IpAddr>().unwrap(),
            prefix_len,
        }
        .key()
    };
    let expected = |address: &str, bits| {
        (
            SourceKey {
                zone: 3,
                address: Address::from(address.parse::<IpAddr>().unwrap()),
            },
            bits,
        )
    };
    assert_eq!(key("192.0.2.77", 24), expected("192.0.2.0", 8 + 96 + 24));
    assert_eq!(key("192.0.2.77", 32), expected("192.0.2.77", 136));
    assert_eq!(key("192.0.2.77", 0), expected("0.0.0.0", 104));
    assert_eq!(key("2001:db8::5", 32), expected("2001:db8::", 40));
    assert_eq!(key("2001:db8::5", 0), expected("::", 8));
    assert_eq!(key("2001:db8::5", 200), expected("2001:db8::5", 136));
}

#[test]
fn a_binary_without_the_program_says_what_to_install() {
    let text = SteerError::NotBuilt.to_string();
    assert!(text.contains("rustup toolchain install nightly --component rust-src"));
    assert!(text.contains("cargo install bpf-linker --version 0.9.15"));
}
