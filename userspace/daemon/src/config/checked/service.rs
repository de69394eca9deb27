//! What the edge serves and writes for other programs: the admin interface and call detail records.

use std::{net::SocketAddr, path::Path};

use crate::config::{
    address,
    checked::{Admin, Cdr, CdrSync, Token, choice, number},
    file,
    problem::Problems,
    quantity,
    section::Text,
};

/// Shorter tokens can be guessed.
const TOKEN_LEN_MIN: usize = 16;

/// The admin interface and its token.
pub(super) fn check_admin(admin: &file::Admin, base: &Path, problems: &mut Problems<'_>) -> Admin {
    let default = SocketAddr::from(([127, 0, 0, 1], 8080));
    let token = admin
        .token_file
        .as_ref()
        .and_then(|path| check_token(path, base, problems));
    let listen = admin.listen.as_ref().and_then(|text| {
        let address = problems.keep(&text.span(), address::socket_address(text.get_ref()))?;
        if !address.ip().is_loopback() && admin.token_file.is_none() {
            problems.error(
                &text.span(),
                format!("the admin interface would be open to everyone at {address}"),
                "listen on 127.0.0.1 or [::1], or set token_file",
            );
        }
        Some(address)
    });
    Admin {
        listen: listen.unwrap_or(default),
        token,
    }
}

fn check_token(path: &Text, base: &Path, problems: &mut Problems<'_>) -> Option<Token> {
    let file = base.join(path.get_ref());
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => {
            problems.error(
                &path.span(),
                format!("cannot read {}: {error}", file.display()),
                "make one: openssl rand -hex 32 > FILE; chmod 600 FILE",
            );
            return None;
        }
    };
    let secret = text.trim();
    if secret.len() < TOKEN_LEN_MIN || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        problems.error(
            &path.span(),
            format!("{} holds no usable token", file.display()),
            format!("at least {TOKEN_LEN_MIN} printable characters without spaces: openssl rand -hex 32"),
        );
        return None;
    }
    Some(Token::new(secret.to_owned()))
}

/// The file of call detail records.
pub(super) fn check_cdr(cdr: &file::Cdr, state_dir: &Path, problems: &mut Problems<'_>) -> Cdr {
    const ROTATE_SIZE: u64 = 64_000_000;
    const ROTATE_SIZE_MIN: u64 = 4_096;
    let name = cdr
        .file
        .as_ref()
        .map_or("cdr.jsonl", |file| file.get_ref().as_str());
    if let Some(file) = &cdr.file
        && (Path::new(name).is_absolute()
            || Path::new(name).components().any(|part| part.as_os_str() == "..")
            || name.is_empty())
    {
        problems.error(
            &file.span(),
            format!("\"{name}\" is not below state_dir"),
            "a plain name such as \"cdr.jsonl\"",
        );
    }
    let rotate_size = cdr.rotate_size.as_ref().and_then(|size| {
        let bytes = problems.keep(&size.span(), quantity::size(size.get_ref()))?;
        if bytes < ROTATE_SIZE_MIN {
            problems.error(
                &size.span(),
                format!("{bytes} bytes hold too few records"),
                format!("at least {ROTATE_SIZE_MIN} bytes"),
            );
        }
        Some(bytes)
    });
    let syncs = [
        ("batch", CdrSync::Batch),
        ("second", CdrSync::Second),
        ("never", CdrSync::Never),
    ];
    Cdr {
        file: state_dir.join(name),
        rotate_size: rotate_size.unwrap_or(ROTATE_SIZE),
        keep: number(cdr.keep.as_ref(), 0, 1_000_000, 0, problems) as usize,
        sync: choice(cdr.sync.as_ref(), &syncs, CdrSync::Second, problems),
    }
}
