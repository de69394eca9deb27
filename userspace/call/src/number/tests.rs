use super::*;
use alloc::vec;

fn country(code: &str) -> NumberRules {
    NumberRules {
        country: String::from(code),
        ..NumberRules::default()
    }
}

fn normal(code: &str, user: &str) -> Option<String> {
    normalise(&country(code), user).map(|n| String::from(n.as_str()))
}

#[test]
fn normalises_by_country() {
    let cases = [
        ("1", "+12025550100", Some("+12025550100")),
        ("1", "12025550100", Some("+12025550100")),
        ("1", "2025550100", Some("+12025550100")),
        ("1", "(202) 555-0100", Some("+12025550100")),
        ("1", "%2B12025550100;npdi=yes", Some("+12025550100")),
        ("1", "011442079460000", Some("+442079460000")),
        ("1", "442079460000", Some("+442079460000")),
        ("1", "1001", None),
        ("1", "alice", None),
        ("44", "02079460000", Some("+442079460000")),
        ("44", "00442079460000", Some("+442079460000")),
        ("44", "442079460000", Some("+442079460000")),
        ("44", "2079460000", Some("+442079460000")),
        ("39", "0612345678", Some("+390612345678")),
        ("61", "001112025550100", Some("+12025550100")),
        ("", "12025550100", Some("+12025550100")),
        ("", "+1202555010012345", None),
        ("", "", None),
        ("1", "+0123456", None),
    ];
    for (code, dialled, expected) in cases {
        assert_eq!(normal(code, dialled).as_deref(), expected, "{code} {dialled}");
    }
}

#[test]
fn emergency_numbers_stay_as_dialled() {
    let number = normalise(&country("1"), "911").unwrap();
    assert!(number.is_emergency());
    for out in [OutFormat::PlusE164, OutFormat::E164, OutFormat::National] {
        assert_eq!(write(&NumberRules { out, ..country("44") }, &number), "911");
    }
    assert!(normalise(&country("44"), "911").is_none());
    let rules = NumberRules {
        emergency: vec![String::from("144")],
        ..country("41")
    };
    assert!(normalise(&rules, "144").unwrap().is_emergency());
}

#[test]
fn writes_what_the_trunk_wants() {
    let number = E164::parse("+12025550100").unwrap();
    let out = |code: &str, out| write(&NumberRules { out, ..country(code) }, &number);
    assert_eq!(out("1", OutFormat::PlusE164), "+12025550100");
    assert_eq!(out("1", OutFormat::E164), "12025550100");
    assert_eq!(out("1", OutFormat::National), "2025550100");
    assert_eq!(out("44", OutFormat::National), "0012025550100");
    let uk = E164::parse("+442079460000").unwrap();
    assert_eq!(
        write(
            &NumberRules {
                out: OutFormat::National,
                ..country("44")
            },
            &uk
        ),
        "02079460000"
    );
    assert_eq!(
        write(
            &NumberRules {
                out: OutFormat::National,
                ..country("1")
            },
            &uk
        ),
        "011442079460000"
    );
}

#[test]
fn edits_apply_before_and_after() {
    let rules = NumberRules {
        inbound: vec![NumberEdit {
            prefix: String::from("9"),
            strip: 1,
            prepend: String::new(),
        }],
        outbound: vec![NumberEdit {
            prefix: String::new(),
            strip: 1,
            prepend: String::from("1234#"),
        }],
        ..country("1")
    };
    let number = normalise(&rules, "912025550100").unwrap();
    assert_eq!(number.as_str(), "+12025550100");
    assert_eq!(write(&rules, &number), "1234#12025550100");
}
