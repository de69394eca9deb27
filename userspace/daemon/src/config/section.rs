//! Typed reading of one TOML table, noting every problem and going on after each.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::config::problem::{Problems, choose};

/// A string with its place in the file.
pub(crate) type Text = Spanned<String>;
/// An integer with its place in the file.
pub(crate) type Number = Spanned<i64>;
/// A boolean with its place in the file.
pub(crate) type Flag = Spanned<bool>;

/// A scalar that may be written as a string or as a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scalar {
    Text(String),
    Number(i64),
}

/// An element of a list of names, some of which may say more in a table.
#[derive(Debug)]
pub(crate) enum Named<'d> {
    Name(Text),
    Table(Section<'d>),
}

/// One table of the document, named as the operator would name it.
#[derive(Debug)]
pub(crate) struct Section<'d> {
    name: String,
    span: Range<usize>,
    table: &'d DeTable<'d>,
}

impl<'d> Section<'d> {
    /// The whole document.
    pub(crate) fn root(document: &'d DeTable<'d>, known: &[&str], problems: &mut Problems<'_>) -> Self {
        Self::open("the configuration", 0..0, document, known, problems)
    }

    fn open(
        name: &str,
        span: Range<usize>,
        table: &'d DeTable<'d>,
        known: &[&str],
        problems: &mut Problems<'_>,
    ) -> Self {
        for key in table.keys() {
            let given = key.get_ref().as_ref();
            if !known.contains(&given) {
                let hint = secret_hint(given).unwrap_or_else(|| choose(given, known));
                problems.error(&key.span(), format!("unknown key `{given}` in {name}"), hint);
            }
        }
        Self {
            name: name.to_owned(),
            span,
            table,
        }
    }

    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// A string, if the key is there.
    pub(crate) fn text(&self, key: &str, problems: &mut Problems<'_>) -> Option<Text> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Spanned::new(value.span(), text.to_string())),
            other => self.wrong_kind(key, value, other, "a string", problems),
        }
    }

    /// A string that must be there.
    pub(crate) fn required(&self, key: &str, example: &str, problems: &mut Problems<'_>) -> Option<Text> {
        if self.value(key).is_none() {
            self.missing(key, example, problems);
        }
        self.text(key, problems)
    }

    /// A list of strings; one string stands for a list of one. Empty if the key is missing.
    pub(crate) fn texts(&self, key: &str, problems: &mut Problems<'_>) -> Vec<Text> {
        let mut texts = Vec::new();
        for scalar in self.scalars(key, problems) {
            match scalar.get_ref() {
                Scalar::Text(text) => texts.push(Spanned::new(scalar.span(), text.clone())),
                Scalar::Number(number) => {
                    problems.error(
                        &scalar.span(),
                        format!("`{key}` in {} takes strings, not {number}", self.name),
                        format!("write \"{number}\""),
                    );
                }
            }
        }
        texts
    }

    /// Notes it if the key is missing or its list is empty.
    pub(crate) fn require(&self, key: &str, example: &str, problems: &mut Problems<'_>) {
        match self.value(key) {
            None => self.missing(key, example, problems),
            Some(value) if value.get_ref().as_array().is_some_and(|array| array.is_empty()) => {
                problems.error(
                    &value.span(),
                    format!("`{key}` in {} is empty", self.name),
                    format!("for example {key} = {example}"),
                );
            }
            Some(_) => {}
        }
    }

    /// As [`Section::texts`] for a key that must be there and not be empty.
    pub(crate) fn required_texts(&self, key: &str, example: &str, problems: &mut Problems<'_>) -> Vec<Text> {
        self.require(key, example, problems);
        self.texts(key, problems)
    }

    /// A list of strings and integers; one of either stands for a list of one.
    pub(crate) fn scalars(&self, key: &str, problems: &mut Problems<'_>) -> Vec<Spanned<Scalar>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let elements: Vec<&Spanned<DeValue<'_>>> = match value.get_ref() {
            DeValue::Array(array) => array.iter().collect(),
            _ => vec![value],
        };
        let mut scalars = Vec::with_capacity(elements.len());
        for element in elements {
            if let Some(scalar) = self.scalar_of(key, element, problems) {
                scalars.push(scalar);
            }
        }
        scalars
    }

    /// A string or an integer, if the key is there.
    pub(crate) fn scalar(&self, key: &str, problems: &mut Problems<'_>) -> Option<Spanned<Scalar>> {
        self.scalar_of(key, self.value(key)?, problems)
    }

    /// A list in which a string stands for a table that has only `name`.
    pub(crate) fn named(&self, key: &str, known: &[&str], problems: &mut Problems<'_>) -> Vec<Named<'d>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let elements: Vec<&'d Spanned<DeValue<'d>>> = match value.get_ref() {
            DeValue::Array(array) => array.iter().collect(),
            _ => vec![value],
        };
        let mut list = Vec::with_capacity(elements.len());
        for element in elements {
            match element.get_ref() {
                DeValue::String(text) => {
                    list.push(Named::Name(Spanned::new(element.span(), text.to_string())));
                }
                DeValue::Table(table) => {
                    let name = format!("an element of `{key}` in {}", self.name);
                    list.push(Named::Table(Section::open(
                        &name,
                        element.span(),
                        table,
                        known,
                        problems,
                    )));
                }
                other => {
                    let _: Option<()> = self.wrong_kind(key, element, other, "names or tables", problems);
                }
            }
        }
        list
    }

    /// A decimal number, kept as text because a binary fraction would not be exact.
    pub(crate) fn decimal(&self, key: &str, problems: &mut Problems<'_>) -> Option<Text> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Float(digits) => Some(Spanned::new(value.span(), digits.as_str().to_owned())),
            DeValue::Integer(digits) if digits.radix() == 10 => {
                Some(Spanned::new(value.span(), digits.as_str().to_owned()))
            }
            DeValue::String(text) => Some(Spanned::new(value.span(), text.to_string())),
            other => self.wrong_kind(key, value, other, "a decimal number", problems),
        }
    }

    /// An integer, if the key is there.
    pub(crate) fn number(&self, key: &str, problems: &mut Problems<'_>) -> Option<Number> {
        let scalar = self.scalar(key, problems)?;
        match scalar.get_ref() {
            Scalar::Number(number) => Some(Spanned::new(scalar.span(), *number)),
            Scalar::Text(text) => {
                let hint = if text.parse::<i64>().is_ok() {
                    format!("write {text} without quotes")
                } else {
                    String::new()
                };
                problems.error(
                    &scalar.span(),
                    format!("`{key}` in {} must be a whole number", self.name),
                    hint,
                );
                None
            }
        }
    }

    /// A list of whole numbers, or none if the key is missing.
    pub(crate) fn numbers(&self, key: &str, problems: &mut Problems<'_>) -> Option<Vec<Number>> {
        self.value(key)?;
        let mut numbers = Vec::new();
        for scalar in self.scalars(key, problems) {
            match scalar.get_ref() {
                Scalar::Number(number) => numbers.push(Spanned::new(scalar.span(), *number)),
                Scalar::Text(_) => {
                    problems.error(
                        &scalar.span(),
                        format!("`{key}` in {} takes whole numbers", self.name),
                        "write them without quotes",
                    );
                }
            }
        }
        Some(numbers)
    }

    /// A boolean, if the key is there.
    pub(crate) fn flag(&self, key: &str, problems: &mut Problems<'_>) -> Option<Flag> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(Spanned::new(value.span(), *flag)),
            other => self.wrong_kind(key, value, other, "true or false", problems),
        }
    }

    /// A table inside this one, if the key is there.
    pub(crate) fn table(
        &self,
        key: &str,
        known: &[&str],
        problems: &mut Problems<'_>,
    ) -> Option<Section<'d>> {
        let value = self.value(key)?;
        let name = if self.span.is_empty() {
            format!("[{key}]")
        } else {
            format!("`{key}` of {}", self.name)
        };
        match value.get_ref() {
            DeValue::Table(table) => Some(Section::open(&name, self.key_span(key), table, known, problems)),
            other => self.wrong_kind(key, value, other, "a table", problems),
        }
    }

    /// The tables of an array of tables, in the order of the file.
    pub(crate) fn tables(&self, key: &str, known: &[&str], problems: &mut Problems<'_>) -> Vec<Section<'d>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let name = if self.span.is_empty() {
            format!("[[{key}]]")
        } else {
            format!("`{key}` of {}", self.name)
        };
        let Some(array) = value.get_ref().as_array() else {
            problems.error(
                &value.span(),
                format!("{name} must be a list of tables"),
                list_hint(key),
            );
            return Vec::new();
        };
        let mut sections = Vec::new();
        for element in array {
            match element.get_ref() {
                DeValue::Table(table) => {
                    sections.push(Section::open(&name, element.span(), table, known, problems));
                }
                _ => problems.error(
                    &element.span(),
                    format!("{name} must be a list of tables"),
                    list_hint(key),
                ),
            }
        }
        sections
    }

    fn scalar_of(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        problems: &mut Problems<'_>,
    ) -> Option<Spanned<Scalar>> {
        match value.get_ref() {
            DeValue::String(text) => Some(Spanned::new(value.span(), Scalar::Text(text.to_string()))),
            DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
                Ok(number) => Some(Spanned::new(value.span(), Scalar::Number(number))),
                Err(_) => {
                    problems.error(
                        &value.span(),
                        format!("`{key}` in {} is too large", self.name),
                        "",
                    );
                    None
                }
            },
            other => self.wrong_kind(key, value, other, "a string or a whole number", problems),
        }
    }

    fn value(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.table
            .iter()
            .find(|(name, _)| name.get_ref() == key)
            .map(|(_, value)| value)
    }

    fn key_span(&self, key: &str) -> Range<usize> {
        self.table
            .keys()
            .find(|name| name.get_ref() == key)
            .map_or_else(|| self.span(), Spanned::span)
    }

    fn missing(&self, key: &str, example: &str, problems: &mut Problems<'_>) {
        problems.error(
            &self.span,
            format!("{} has no `{key}`", self.name),
            format!("for example {key} = {example}"),
        );
    }

    fn wrong_kind<T>(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        given: &DeValue<'_>,
        wanted: &str,
        problems: &mut Problems<'_>,
    ) -> Option<T> {
        problems.error(
            &value.span(),
            format!(
                "`{key}` in {} must be {wanted}, not {}",
                self.name,
                given.type_str()
            ),
            "",
        );
        None
    }
}

fn list_hint(key: &str) -> String {
    format!("write [[{key}]] in double brackets, or {key} = [{{ .. }}]")
}

/// Secrets never stand in the configuration itself, and a plain "unknown key" would not say where they go.
fn secret_hint(key: &str) -> Option<String> {
    matches!(key, "password" | "secret" | "token").then(|| {
        format!("secrets are read from files: put it in one of mode 0600 and name it with `{key}_file`")
    })
}
