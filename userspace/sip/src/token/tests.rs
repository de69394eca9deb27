use proptest::prelude::*;

use super::*;
use crate::scan::is_token;

proptest! {
    #[test]
    fn minted_texts_say_their_token(owner: u8, index: u32, generation: u32, entropy: u64) {
        let token = Token { owner, index, generation };
        prop_assert_eq!(owner_of_branch(branch(token, entropy).as_bytes()), Some(token));
        prop_assert_eq!(owner_of_tag(tag(token, entropy).as_bytes()), Some(token));
        prop_assert_eq!(owner_of_call_id(call_id(token, entropy).as_bytes()), Some(token));
    }

    #[test]
    fn minted_texts_are_sip_tokens(owner: u8, index: u32, generation: u32, entropy: u64) {
        let token = Token { owner, index, generation };
        for text in [branch(token, entropy), tag(token, entropy), call_id(token, entropy)] {
            prop_assert!(text.as_bytes().iter().all(|&byte| is_token(byte)));
            prop_assert!(text.as_bytes().len() <= 48);
        }
    }

    #[test]
    fn foreign_texts_are_nobodys(text in proptest::collection::vec(any::<u8>(), 0..60)) {
        prop_assert_eq!(owner_of_tag(&text), None);
        prop_assert_eq!(owner_of_branch(&text), None);
    }
}

#[test]
fn kinds_are_not_confused() {
    let token = Token {
        owner: 1,
        index: 2,
        generation: 3,
    };
    assert_eq!(owner_of_tag(call_id(token, 9).as_bytes()), None);
    assert_eq!(owner_of_tag(branch(token, 9).as_bytes()), None);
    assert_eq!(owner_of_branch(tag(token, 9).as_bytes()), None);
}

#[test]
fn different_entropy_gives_different_texts() {
    let token = Token {
        owner: 1,
        index: 2,
        generation: 3,
    };
    assert_ne!(tag(token, 1), tag(token, 2));
    assert_eq!(tag(token, 0xab).as_str(), "tl01000000020000000300000000000000ab");
}
