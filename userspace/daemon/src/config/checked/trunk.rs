//! Trunks: peers, sources, limits, numbers and media.

use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use toml::Spanned;
use trunkline_call::{
    plan::{Credentials, Limits, MediaPolicy, NumberEdit, NumberRules, OutFormat, SipPolicy, Trunk, Zone},
    trunk::TrunkState,
};
use trunkline_media::LatchPolicy;

use crate::config::{
    address::Resolve,
    checked::{check_name, choice, number, peer},
    file,
    problem::{Fault, Problems, choose},
    quantity,
    section::{Number, Scalar, Text},
};

const OPTIONS_INTERVAL: Duration = Duration::from_secs(30);
const MEDIA_TIMEOUT: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// Expedited forwarding (RFC 3246).
const DSCP_EF: u8 = 46;
/// Trunks are numbered by two bytes.
const TRUNKS_MAX: usize = 65_535;

/// Judges all trunks and finds sources that two trunks of a zone claim.
pub(super) fn check_all(
    trunks: &[file::Trunk],
    zones: &[Zone],
    base: &Path,
    resolve: Resolve<'_>,
    problems: &mut Problems<'_>,
) -> Vec<Trunk> {
    if trunks.is_empty() {
        problems.error(
            &(0..0),
            "there is no [[trunk]]",
            "an edge connects at least two: name, zone, peers",
        );
    }
    if let Some(extra) = trunks.get(TRUNKS_MAX) {
        problems.error(&extra.span, format!("more than {TRUNKS_MAX} trunks"), "");
    }
    let mut checked: Vec<Trunk> = Vec::with_capacity(trunks.len());
    let mut claims = HashMap::new();
    for raw in trunks {
        let trunk = check(raw, zones, base, resolve, problems);
        if let Some(name) = &raw.name
            && checked.iter().any(|other| other.name == trunk.name)
        {
            problems.error(
                &name.span(),
                format!("trunk \"{}\" is there twice", trunk.name),
                "each trunk has a name of its own",
            );
        }
        peer::report_shared_sources(raw, &trunk, &mut claims, problems);
        checked.push(trunk);
    }
    checked
}

fn check(
    raw: &file::Trunk,
    zones: &[Zone],
    base: &Path,
    resolve: Resolve<'_>,
    problems: &mut Problems<'_>,
) -> Trunk {
    let zone = raw
        .zone
        .as_ref()
        .and_then(|name| find_zone(name, zones, problems));
    let peers = peer::check_peers(
        raw,
        zone.and_then(|index| zones.get(usize::from(index))),
        zones,
        resolve,
        problems,
    );
    let limits = check_limits(&raw.limits, problems);
    report_missing_features(raw, problems);
    Trunk {
        name: raw
            .name
            .as_ref()
            .and_then(|name| check_name(name, problems))
            .unwrap_or_default(),
        zone: zone.unwrap_or_default(),
        sources: peer::check_sources(raw, &peers, problems),
        options_interval: check_options_interval(raw.options_interval.as_ref(), problems),
        down_after: number(raw.down_after.as_ref(), 1, 255, 3, problems) as u8,
        up_after: number(raw.up_after.as_ref(), 1, 255, 2, problems) as u8,
        codecs: check_codecs(&raw.codecs, problems),
        numbers: check_numbers(&raw.numbers, problems),
        media: check_media(&raw.media, problems),
        sip: SipPolicy {
            auth: raw
                .auth
                .as_ref()
                .and_then(|auth| check_auth(auth, base, problems)),
            ..SipPolicy::default()
        },
        state: Arc::new(TrunkState::new(peers.len(), limits)),
        limits,
        peers,
    }
}

fn find_zone(name: &Text, zones: &[Zone], problems: &mut Problems<'_>) -> Option<u8> {
    let place = zones.iter().position(|zone| zone.name == *name.get_ref());
    if place.is_none() {
        let known: Vec<&str> = zones.iter().map(|zone| zone.name.as_str()).collect();
        problems.error(
            &name.span(),
            format!("there is no zone \"{}\"", name.get_ref()),
            choose(name.get_ref(), &known),
        );
    }
    place.map(|index| index as u8)
}

/// Who we are for this trunk. The password is the first line of its file.
fn check_auth(auth: &file::Auth, base: &Path, problems: &mut Problems<'_>) -> Option<Arc<Credentials>> {
    let (username, path) = (auth.username.as_ref()?, auth.password_file.as_ref()?);
    let file = base.join(path.get_ref());
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => {
            problems.error(
                &path.span(),
                format!("{} cannot be read: {error}", file.display()),
                "write the password into that file, readable by trunkline alone",
            );
            return None;
        }
    };
    let password = text.lines().next().unwrap_or_default().to_owned();
    let is_sound = |text: &str| !text.is_empty() && !text.contains(['"', '\\', '\r', '\n']);
    if !is_sound(username.get_ref()) || password.is_empty() {
        problems.error(
            &username.span(),
            "the user name or the password is empty, or the name has quotes in it",
            "name the account that the carrier gave us",
        );
        return None;
    }
    Some(Arc::new(Credentials {
        username: username.get_ref().clone(),
        password,
    }))
}

fn report_missing_features(raw: &file::Trunk, problems: &mut Problems<'_>) {
    if let Some(register) = &raw.register {
        problems.warning(
            register,
            "`register` is not in this build: this trunk is never registered",
            "use a peer that knows us by address",
        );
    }
}

fn check_options_interval(raw: Option<&Spanned<Scalar>>, problems: &mut Problems<'_>) -> Option<Duration> {
    let Some(value) = raw else {
        return Some(OPTIONS_INTERVAL);
    };
    let interval = problems.keep(
        &value.span(),
        quantity::duration_within(value.get_ref(), Duration::ZERO, DAY),
    )?;
    if interval.is_zero() {
        return None;
    }
    if interval < Duration::from_secs(1) {
        problems.error(
            &value.span(),
            format!("{interval:?} between OPTIONS is too often"),
            "at least \"1s\", or 0 for none",
        );
    }
    Some(interval)
}

fn check_limits(raw: &file::Limits, problems: &mut Problems<'_>) -> Limits {
    let mut count = |value: Option<&Number>| {
        value.and_then(|value| {
            problems
                .keep(
                    &value.span(),
                    quantity::within(*value.get_ref(), 1, i64::from(u32::MAX)),
                )
                .map(|number| number as u32)
        })
    };
    let (calls, cps) = (count(raw.calls.as_ref()), count(raw.cps.as_ref()));
    let bandwidth_bps = raw
        .bandwidth
        .as_ref()
        .and_then(|rate| problems.keep(&rate.span(), quantity::rate(rate.get_ref())));
    Limits {
        calls,
        cps,
        bandwidth_bps,
    }
}

fn check_codecs(raw: &[Text], problems: &mut Problems<'_>) -> Vec<String> {
    let mut codecs: Vec<String> = Vec::new();
    for text in raw {
        let name = text.get_ref();
        let is_token = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte));
        if !is_token {
            problems.error(
                &text.span(),
                format!("\"{name}\" cannot be a codec"),
                "an encoding name of SDP, for example \"PCMU\"",
            );
        } else if codecs.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            problems.error(&text.span(), format!("\"{name}\" is listed twice"), "");
        }
        codecs.push(name.clone());
    }
    codecs
}

fn check_numbers(raw: &file::Numbers, problems: &mut Problems<'_>) -> NumberRules {
    let formats = [
        ("+e164", OutFormat::PlusE164),
        ("e164", OutFormat::E164),
        ("national", OutFormat::National),
    ];
    let out = choice(raw.out.as_ref(), &formats, OutFormat::PlusE164, problems);
    let country = raw
        .country
        .as_ref()
        .map(|text| digits(text, 3, problems))
        .unwrap_or_default();
    if let (OutFormat::National, None, Some(out)) = (out, &raw.country, &raw.out) {
        problems.error(
            &out.span(),
            "\"national\" needs `country`",
            "the country code without plus: country = \"1\"",
        );
    }
    if country.starts_with('0')
        && let Some(text) = &raw.country
    {
        problems.error(
            &text.span(),
            format!("\"{country}\" is not a country code"),
            "country codes begin with 1 to 9",
        );
    }
    NumberRules {
        country,
        national_prefix: raw.national_prefix.as_ref().map(|text| {
            if text.get_ref().is_empty() {
                String::new()
            } else {
                digits(text, 5, problems)
            }
        }),
        international_prefixes: raw
            .international_prefixes
            .iter()
            .map(|text| digits(text, 8, problems))
            .collect(),
        emergency: raw
            .emergency
            .iter()
            .map(|text| digits(text, 15, problems))
            .collect(),
        inbound: raw
            .inbound
            .iter()
            .map(|edit| check_edit(edit, problems))
            .collect(),
        out,
        outbound: raw
            .outbound
            .iter()
            .map(|edit| check_edit(edit, problems))
            .collect(),
    }
}

fn check_edit(raw: &file::NumberEdit, problems: &mut Problems<'_>) -> NumberEdit {
    let mut dialled = |value: Option<&Text>| {
        let text = value?;
        let is_dialled = text
            .get_ref()
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+*#".contains(&byte));
        if !is_dialled {
            problems.error(
                &text.span(),
                format!("\"{}\" cannot be dialled", text.get_ref()),
                "digits, '+', '*' and '#'",
            );
        }
        Some(text.get_ref().clone())
    };
    let prefix = dialled(raw.prefix.as_ref()).unwrap_or_default();
    let prepend = dialled(raw.prepend.as_ref()).unwrap_or_default();
    let strip = number(raw.strip.as_ref(), 0, 32, 0, problems) as u8;
    if strip == 0 && prepend.is_empty() {
        problems.error(
            &raw.span,
            "the rule changes nothing",
            "give `strip`, `prepend` or both",
        );
    }
    NumberEdit {
        prefix,
        strip,
        prepend,
    }
}

fn check_media(raw: &file::Media, problems: &mut Problems<'_>) -> MediaPolicy {
    let latches = [
        ("gated", LatchPolicy::Gated),
        ("signalled", LatchPolicy::Signalled),
        ("open", LatchPolicy::Open),
    ];
    if let Some(srtp) = &raw.srtp
        && choice(
            Some(srtp),
            &[("off", false), ("optional", true), ("required", true)],
            false,
            problems,
        )
    {
        problems.error(
            &srtp.span(),
            "SRTP is not in this build",
            "media would go in the clear: write srtp = \"off\" if that is acceptable",
        );
    }
    let timeout = raw.timeout.as_ref().and_then(|value| {
        problems.keep(
            &value.span(),
            quantity::duration_within(value.get_ref(), Duration::ZERO, DAY),
        )
    });
    let dscp = raw
        .dscp
        .as_ref()
        .and_then(|value| problems.keep(&value.span(), quantity::dscp(value.get_ref())));
    MediaPolicy {
        latch: choice(raw.latch.as_ref(), &latches, LatchPolicy::Gated, problems),
        dscp: dscp.unwrap_or(DSCP_EF),
        timeout: timeout.unwrap_or(MEDIA_TIMEOUT),
    }
}

fn digits(text: &Text, len_max: usize, problems: &mut Problems<'_>) -> String {
    let digits = text.get_ref();
    if digits.is_empty() || digits.len() > len_max || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let fault = Fault::new(
            format!("\"{digits}\" is not a string of digits"),
            format!("1 to {len_max} digits without plus or spaces"),
        );
        problems.fault(&text.span(), fault);
    }
    digits.clone()
}
