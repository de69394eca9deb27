//! A trunk as it is written.

use std::ops::Range;

use toml::Spanned;

use crate::config::{
    problem::Problems,
    section::{Number, Scalar, Section, Text},
};

pub(super) const TRUNK: &[&str] = &[
    "name",
    "zone",
    "peers",
    "sources",
    "options_interval",
    "down_after",
    "up_after",
    "limits",
    "auth",
    "register",
    "codecs",
    "numbers",
    "media",
];
const LIMITS: &[&str] = &["calls", "cps", "bandwidth"];
const AUTH: &[&str] = &["username", "password_file"];
const REGISTER: &[&str] = &["registrar", "aor", "expires"];
const NUMBERS: &[&str] = &[
    "country",
    "out",
    "national_prefix",
    "international_prefixes",
    "emergency",
    "inbound",
    "outbound",
];
const NUMBER_EDIT: &[&str] = &["prefix", "strip", "prepend"];
const MEDIA: &[&str] = &["latch", "dscp", "timeout", "srtp"];

#[derive(Debug)]
pub(crate) struct Trunk {
    pub(crate) span: Range<usize>,
    pub(crate) name: Option<Text>,
    pub(crate) zone: Option<Text>,
    pub(crate) peers: Vec<Text>,
    pub(crate) sources: Vec<Text>,
    pub(crate) options_interval: Option<Spanned<Scalar>>,
    pub(crate) down_after: Option<Number>,
    pub(crate) up_after: Option<Number>,
    pub(crate) limits: Limits,
    pub(crate) auth: Option<Auth>,
    pub(crate) register: Option<Range<usize>>,
    pub(crate) codecs: Vec<Text>,
    pub(crate) numbers: Numbers,
    pub(crate) media: Media,
}

#[derive(Debug)]
pub(crate) struct Auth {
    pub(crate) username: Option<Text>,
    pub(crate) password_file: Option<Text>,
}

#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub(crate) calls: Option<Number>,
    pub(crate) cps: Option<Number>,
    pub(crate) bandwidth: Option<Text>,
}

#[derive(Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) country: Option<Text>,
    pub(crate) out: Option<Text>,
    pub(crate) national_prefix: Option<Text>,
    pub(crate) international_prefixes: Vec<Text>,
    pub(crate) emergency: Vec<Text>,
    pub(crate) inbound: Vec<NumberEdit>,
    pub(crate) outbound: Vec<NumberEdit>,
}

#[derive(Debug)]
pub(crate) struct NumberEdit {
    pub(crate) span: Range<usize>,
    pub(crate) prefix: Option<Text>,
    pub(crate) strip: Option<Number>,
    pub(crate) prepend: Option<Text>,
}

#[derive(Debug, Default)]
pub(crate) struct Media {
    pub(crate) latch: Option<Text>,
    pub(crate) dscp: Option<Spanned<Scalar>>,
    pub(crate) timeout: Option<Spanned<Scalar>>,
    pub(crate) srtp: Option<Text>,
}

impl Trunk {
    pub(super) fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Self {
        Self {
            span: section.span(),
            name: section.required("name", "\"pbx\"", problems),
            zone: section.required("zone", "\"core\"", problems),
            peers: section.texts("peers", problems),
            sources: section.texts("sources", problems),
            options_interval: section.scalar("options_interval", problems),
            down_after: section.number("down_after", problems),
            up_after: section.number("up_after", problems),
            limits: section
                .table("limits", LIMITS, problems)
                .map(|it| Limits::read(&it, problems))
                .unwrap_or_default(),
            auth: read_auth(section, problems),
            register: read_register(section, problems),
            codecs: section.texts("codecs", problems),
            numbers: section
                .table("numbers", NUMBERS, problems)
                .map(|it| Numbers::read(&it, problems))
                .unwrap_or_default(),
            media: section
                .table("media", MEDIA, problems)
                .map(|it| Media::read(&it, problems))
                .unwrap_or_default(),
        }
    }
}

fn read_auth(section: &Section<'_>, problems: &mut Problems<'_>) -> Option<Auth> {
    let auth = section.table("auth", AUTH, problems)?;
    Some(Auth {
        username: auth.required("username", "\"u\"", problems),
        password_file: auth.required("password_file", "\"pbx.secret\"", problems),
    })
}

fn read_register(section: &Section<'_>, problems: &mut Problems<'_>) -> Option<Range<usize>> {
    let register = section.table("register", REGISTER, problems)?;
    register.required("registrar", "\"sip.carrier.example\"", problems);
    register.required("aor", "\"sip:+12025550100@carrier.example\"", problems);
    register.scalar("expires", problems);
    Some(register.span())
}

impl Limits {
    fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Self {
        Self {
            calls: section.number("calls", problems),
            cps: section.number("cps", problems),
            bandwidth: section.text("bandwidth", problems),
        }
    }
}

impl Numbers {
    fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Self {
        Self {
            country: section.text("country", problems),
            out: section.text("out", problems),
            national_prefix: section.text("national_prefix", problems),
            international_prefixes: section.texts("international_prefixes", problems),
            emergency: section.texts("emergency", problems),
            inbound: NumberEdit::read_all("inbound", section, problems),
            outbound: NumberEdit::read_all("outbound", section, problems),
        }
    }
}

impl NumberEdit {
    fn read_all(key: &str, section: &Section<'_>, problems: &mut Problems<'_>) -> Vec<Self> {
        let edits = section.tables(key, NUMBER_EDIT, problems);
        edits
            .iter()
            .map(|edit| Self {
                span: edit.span(),
                prefix: edit.text("prefix", problems),
                strip: edit.number("strip", problems),
                prepend: edit.text("prepend", problems),
            })
            .collect()
    }
}

impl Media {
    fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Self {
        Self {
            latch: section.text("latch", problems),
            dscp: section.scalar("dscp", problems),
            timeout: section.scalar("timeout", problems),
            srtp: section.text("srtp", problems),
        }
    }
}
